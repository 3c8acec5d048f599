"""A response schema without limits, for when Gemini refuses the full one.

Reports say that long limits are answered with a bare 400.
Source: vercel/ai#21192, googleapis/python-genai#660, 2026-11.
"""

from collections.abc import Mapping
from typing import Any

_KEPT = frozenset({"type", "description", "enum", "required"})


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with types, names and descriptions only, its references inlined.

    A reference to an object from inside itself becomes an object of any shape.
    """
    return _plain(schema, schema.get("$defs", {}), ())


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(reference := schema.get("$ref"), str):
        name = reference.removeprefix("#/$defs/")
        if name in within:
            return {"type": "object"}
        return _plain(definitions[name], definitions, (*within, name))
    plain = {key: value for key, value in schema.items() if key in _KEPT}
    if isinstance(properties := schema.get("properties"), Mapping):
        plain["properties"] = {name: _plain(each, definitions, within) for name, each in properties.items()}
    if isinstance(items := schema.get("items"), Mapping):
        plain["items"] = _plain(items, definitions, within)
    if isinstance(options := schema.get("anyOf"), list):
        plain["anyOf"] = [_plain(each, definitions, within) for each in options]
    if "const" in schema:
        plain["enum"] = [schema["const"]]
    return plain
