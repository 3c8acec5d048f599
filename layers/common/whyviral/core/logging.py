"""JSON logs: ids, counts and durations, never content, tokens or addresses."""

import json
from typing import Any

from aws_lambda_powertools import Logger

from .redaction import redacted_values


def build_logger(service: str, *, debug: bool = False) -> Logger:
    """Return the logger of one deployable; the fields of `extra` become keys of the JSON line."""
    return Logger(
        service=service,
        level="DEBUG" if debug else "INFO",
        log_uncaught_exceptions=False,
        utc=True,
        json_serializer=_line,
    )


def _line(log: Any) -> str:
    return json.dumps(redacted_values(log), separators=(",", ":"))
