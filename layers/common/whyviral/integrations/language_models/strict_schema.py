"""A response schema that every vendor accepts.

OpenAI refuses lengths, defaults and properties that are not required; Anthropic refuses bounds of any kind and needs
closed objects. The bounds go into the descriptions, and the full model validates the answer afterwards.
Source: developers.openai.com, "Structured outputs"; platform.claude.com, "Structured outputs", 2026-11.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

_KEPT = ("type", "enum", "const")
_BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "pattern": "of the form {}",
}


def strict_schema(shape: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a model: closed objects, all properties required in the order of their declaration.

    Raises:
        ValueError: the model has a mapping with free keys, which no vendor's strict schema can express.
    """
    schema = shape.model_json_schema()
    strict = _strict(schema)
    if definitions := schema.get("$defs"):
        strict["$defs"] = {name: _strict(each) for name, each in definitions.items()}
    return strict


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}  # OpenAI refuses anything beside it
    strict = {key: schema[key] for key in _KEPT if key in schema}
    if description := ". ".join(_description(schema)):
        strict["description"] = description
    if options := schema.get("anyOf") or schema.get("oneOf"):
        strict["anyOf"] = [_strict(each) for each in options]
    if "items" in schema:
        strict["items"] = _strict(schema["items"])
    if schema.get("type") == "object":
        properties = schema.get("properties")
        if not properties:
            raise ValueError("a strict schema cannot hold an object with free keys")
        strict["properties"] = {name: _strict(each) for name, each in properties.items()}
        strict["required"] = list(properties)
        strict["additionalProperties"] = False
    return strict


def _description(schema: Mapping[str, Any]) -> Iterator[str]:
    if text := str(schema.get("description", "")).strip().rstrip("."):
        yield text
    if bounds := ", ".join(words.format(schema[key]) for key, words in _BOUNDS.items() if key in schema):
        yield bounds.capitalize()
