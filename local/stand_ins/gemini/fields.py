"""Fields of Google's messages, in either of the spellings that it accepts. Source: google-genai 3.4."""

from collections.abc import Mapping
from typing import Any

from local.stand_ins.gemini.errors import invalid_argument
from local.stand_ins.language_models.spellings import field


def given(message: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return a field, or `default` where it is absent or null."""
    value = field(message, name)
    return default if value is None else value


def positive(value: Any, name: str) -> int:
    """Return a whole number above zero, or refuse."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid_argument(f"{name} must be a positive integer")
    return value
