"""Fields in either of the spellings that Google accepts. Source: google-genai 3.4."""

import re
from collections.abc import Mapping
from typing import Any

_WORD_START = re.compile(r"(?=[A-Z])")


def field(message: Mapping[str, Any], name: str) -> Any:
    """Return a field of a message under its camelCase name or its snake_case one; None when it is absent."""
    snake_case = _WORD_START.sub("_", name).lower()
    return message.get(name, message.get(snake_case))
