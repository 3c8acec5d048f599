"""The keywords of a response schema that a vendor refuses, as its documentation lists them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_MOST_DEPTH = 10


@dataclass(frozen=True, slots=True)
class SchemaRules:
    """What a vendor asks of a strict schema."""

    refused: frozenset[str]
    needs_all_required: bool = False
    most_min_items: int | None = None
    """The highest `minItems`; None: any."""
    refuses_ref_siblings: bool = False

    def find_breach(self, schema: Mapping[str, Any]) -> str | None:
        """Return the first breach in words; None for a schema that is accepted."""
        definitions = schema.get("$defs", {})
        nodes = [schema, *(definitions.values() if isinstance(definitions, dict) else [])]
        return next((breach for node in nodes for breach in self._breaches(node, depth=0)), None)

    def _breaches(self, schema: Any, *, depth: int) -> Iterator[str]:
        if not isinstance(schema, dict):
            yield "a schema must be an object"
            return
        if depth > _MOST_DEPTH:
            yield "the schema is nested too deep"
            return
        yield from (f"'{keyword}' is not permitted" for keyword in sorted(self.refused & schema.keys()))
        if self.refuses_ref_siblings and "$ref" in schema and len(schema) > 1:
            yield "$ref cannot have keywords beside it"
        if self.most_min_items is not None and schema.get("minItems", 0) > self.most_min_items:
            yield "'minItems' values other than 0 or 1 are not supported"
        if schema.get("type") == "object":
            yield from self._breaches_of_object(schema)
        for each in _inner(schema):
            yield from self._breaches(each, depth=depth + 1)

    def _breaches_of_object(self, schema: Mapping[str, Any]) -> Iterator[str]:
        if schema.get("additionalProperties") is not False:
            yield "'additionalProperties' is required to be supplied and to be false"
        missing = schema.get("properties", {}).keys() - set(schema.get("required", []))
        if self.needs_all_required and missing:
            yield f"'required' must include every property; missing '{min(missing)}'"


def _inner(schema: Mapping[str, Any]) -> Iterator[Any]:
    properties = schema.get("properties", {})
    yield from properties.values() if isinstance(properties, dict) else []
    yield from schema.get("anyOf", [])
    if "items" in schema:
        yield schema["items"]
