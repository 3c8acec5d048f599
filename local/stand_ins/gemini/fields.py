"""Fields of Google's messages, in either of the spellings that it accepts. Source: google-genai 3.4."""

import re
from collections.abc import Mapping
from typing import Any

from local.stand_ins.gemini.errors import invalid_argument

_WORD_START = re.compile(r"(?=[A-Z])")


def field(message: Mapping[str, Any], name: str) -> Any:
    """Return a field of a message under its camelCase name or its snake_case one; None when it is absent."""
    snake_case = _WORD_START.sub("_", name).lower()
    return message.get(name, message.get(snake_case))


def given(message: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return a field, or `default` where it is absent or null."""
    value = field(message, name)
    return default if value is None else value


def positive(value: Any, name: str) -> int:
    """Return a whole number above zero, or refuse."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid_argument(f"{name} must be a positive integer")
    return value
