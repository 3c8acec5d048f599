"""JSON from outside, made safe to keep: what this returns can be stored as jsonb and encoded as UTF-8."""

import json
import math
import re
from typing import Any

_MAX_DEPTH = 64
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres refuses NUL; lone surrogates have no UTF-8


class NotJson(ValueError):
    """The text is not JSON that we accept; the message holds nothing of it."""


def parse_untrusted_json(body: bytes | str) -> Any:
    """Parse JSON, with NUL and lone surrogates replaced and non-finite numbers as None.

    Raises:
        NotJson: not JSON, or nested deeper than any honest document.
    """
    try:
        document = json.loads(body, parse_constant=lambda _: None, parse_float=_finite_or_none)
    except (ValueError, RecursionError):
        raise NotJson("not JSON") from None  # the cause carries the whole document
    return _storable(document, depth=0)


def _finite_or_none(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _storable(value: Any, *, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise NotJson("nested too deep")
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item, depth=depth + 1) for item in value]
    if isinstance(value, dict):
        return {_UNSTORABLE.sub("\ufffd", key): _storable(item, depth=depth + 1) for key, item in value.items()}
    return value
