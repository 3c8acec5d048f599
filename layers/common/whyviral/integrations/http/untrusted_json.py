"""A parser for untrusted JSON, whose values can be stored as jsonb and encoded as UTF-8."""

import json
import math
import re
from typing import Any

_MAX_DEPTH = 64
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres refuses NUL, and UTF-8 cannot encode lone surrogates


class NotJson(ValueError):
    """The text is not JSON that we accept; the message does not quote it."""


def parse_untrusted_json(body: bytes | str) -> Any:
    """Parse JSON; NUL and lone surrogates become U+FFFD, and non-finite numbers become None.

    Raises:
        NotJson: the text is not JSON, or is nested more than 64 levels deep.
    """
    try:
        document = json.loads(body, parse_constant=lambda _: None, parse_float=_finite_or_none)
    except (ValueError, RecursionError):
        raise NotJson("not JSON") from None  # the cause contains the whole document
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
