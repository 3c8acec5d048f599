"""JSON logs: ids, counts and durations, never content, tokens or addresses.

Every line names the release that wrote it and the trace that it belongs to.
"""

import json
import logging
from typing import Any

from aws_lambda_powertools import Logger

from whyviral.core.telemetry import trace
from whyviral.core.telemetry.release import current_release

from .redaction import redacted_values

_loggers: list[Logger] = []
_level = logging.INFO


def build_logger(service: str) -> Logger:
    """Return the logger of one deployable or module; the fields of `extra` become keys of the JSON line."""
    logger = Logger(service=service, level=_level, log_uncaught_exceptions=False, utc=True, json_serializer=_line)
    _loggers.append(logger)
    return logger


def configure(*, debug: bool) -> None:
    """Set the level of all loggers, also of those that exist already: modules build theirs before settings are read.

    The loggers of libraries stay at INFO. At DEBUG those of HTTP clients write headers, with keys in them.
    """
    global _level  # noqa: PLW0603 - one process has one level
    _level = logging.DEBUG if debug else logging.INFO
    for logger in _loggers:
        logger.setLevel(_level)
    # With ApplicationLogLevel DEBUG, Lambda sets the level of the root logger to DEBUG.
    if debug and logging.root.level < logging.INFO:
        logging.root.setLevel(logging.INFO)


def _line(log: Any) -> str:
    ids = {"release": current_release(), "trace_id": trace.current()}
    named = {**log, **{name: value for name, value in ids.items() if value is not None}}
    return json.dumps(redacted_values(named), separators=(",", ":"))
