"""Follows the bounds that a schema states in words, as a model does where its vendor refuses the keywords."""

import re
from typing import Any

_BOUND = re.compile(r"\bat (least|most) ([0-9]{1,6}) (items|characters)\b", re.IGNORECASE)
_KEYWORDS = {
    ("least", "items"): "minItems",
    ("most", "items"): "maxItems",
    ("least", "characters"): "minLength",
    ("most", "characters"): "maxLength",
}


def with_described_bounds(schema: Any) -> Any:
    """Return a schema whose descriptions' bounds are keywords."""
    if isinstance(schema, list):
        return [with_described_bounds(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    bounded = {name: with_described_bounds(each) for name, each in schema.items()}
    description = schema.get("description")
    for direction, number, unit in _BOUND.findall(description if isinstance(description, str) else ""):
        bounded[_KEYWORDS[direction.lower(), unit.lower()]] = int(number)
    return bounded
