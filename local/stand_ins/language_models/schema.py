"""Fills any response schema, Google's own dialect or JSON Schema, with values made from the prompt.

Honoured: types in either case, nullable, enum, const, properties, required, property order, items, prefixItems, item
and length limits, numeric limits and steps, formats, anyOf, oneOf, allOf, $ref (a recursive one
ends as soon as it may).
Not honoured: pattern, uniqueItems, and conditions between fields.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from local.stand_ins.language_models.spellings import field
from local.stand_ins.language_models.writer import Material, claim, phrase, sentence

type Schema = Mapping[str, Any]

_USUAL_ITEMS = 3
_USUAL_SPAN = 100
_MOST_VALUES = 10_000
_MOST_DEPTH = 40
_LONGEST_TEXT = 100_000

_CLAIM = frozenset({"text", "kind", "evidence"})
"""An object with these properties is a claim, whose text and evidence belong together."""
_LIMITS = frozenset(
    {
        *("minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minimum", "maximum"),
        *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "default", "additionalProperties", "$ref", "$defs"),
    }
)
"""Keywords that the real API is reported to refuse with a bare 400. Source: vercel/ai#21192,
googleapis/python-genai#660 and #2170, 2026-11."""

_FORMATS: Mapping[str, Callable[[int], str]] = {
    "date-time": lambda number: _moment(number).isoformat(),
    "date": lambda number: _moment(number).date().isoformat(),
    "time": lambda number: _moment(number).time().isoformat() + "Z",
    "duration": lambda number: f"PT{number % 3600 + 1}S",
    "email": lambda number: f"stand-in-{number}@example.com",
    "uri": lambda number: f"https://example.com/stand-in/{number}",
    "uuid": lambda number: str(UUID(int=number, version=4)),
}


def _moment(number: int) -> datetime:
    return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=number % 10**9)


def has_limits(schema: Schema | None) -> bool:
    """Whether a schema uses a keyword beyond types, names, descriptions and choices."""
    if schema is None:
        return False
    inner = [*schema.get("properties", {}).values(), *(field(schema, "anyOf") or []), schema.get("items")]
    return any(field(schema, keyword) is not None for keyword in _LIMITS) or any(
        has_limits(each) for each in inner if isinstance(each, dict)
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the answer a value goes."""

    name: str = "answer"
    """The innermost property's."""
    path: str = "$"
    index: int | None = None
    """Which item of the innermost list; None outside any."""
    objects: int = 0
    """How many objects are around it."""
    depth: int = 0
    refs: tuple[str, ...] = ()
    """The references followed to get here."""
    is_minimal: bool = False
    """Inside a reference that contains itself, only required properties are filled."""

    def property(self, name: str) -> "_Place":
        return replace(self, name=name, path=f"{self.path}.{name}", objects=self.objects + 1, depth=self.depth + 1)

    def item(self, index: int) -> "_Place":
        return replace(self, path=f"{self.path}[{index}]", index=index, depth=self.depth + 1)

    def behind(self, ref: str) -> "_Place":
        is_minimal = self.is_minimal or ref in self.refs
        return replace(self, refs=(*self.refs, ref), depth=self.depth + 1, is_minimal=is_minimal)


class UnfillableSchema(ValueError):
    """No answer can satisfy the schema."""


class SchemaFiller:
    """Makes one answer for one schema."""

    def __init__(self, root: Schema, material: Material) -> None:
        self._root = root
        self._material = material
        self._values_left = _MOST_VALUES

    def answer(self) -> Any:
        """Return a value that satisfies the schema.

        Raises:
            UnfillableSchema: the schema is malformed, cannot be satisfied or asks for too much.
        """
        try:
            return self._fill(self._root, _Place())
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as exc:
            raise UnfillableSchema(str(exc)) from exc

    def _fill(self, schema: Schema, place: _Place) -> Any:
        self._values_left -= 1
        if self._values_left < 0 or place.depth > _MOST_DEPTH:
            raise ValueError("it asks for too much")
        if "$ref" in schema:
            ref = schema["$ref"]
            return self._fill(self._resolve(ref), place.behind(ref))
        if "const" in schema:
            return schema["const"]
        if options := schema.get("enum"):
            return options[(self._material.number(place.name) + (place.index or 0)) % len(options)]
        if options := field(schema, "anyOf") or field(schema, "oneOf"):
            return self._fill_one_of(options, place)
        if parts := field(schema, "allOf"):
            return self._fill(self._merge(schema, parts), place)
        return self._fill_type(_type_of(schema, place), schema, place)

    def _fill_type(self, type_name: str, schema: Schema, place: _Place) -> Any:
        match type_name:
            case "object":
                return self._object(schema, place)
            case "array":
                return self._array(schema, place)
            case "string":
                return self._string(schema, place)
            case "integer" | "number":
                return _number(schema, self._material.number(place.path), is_whole=type_name == "integer")
            case "boolean":
                return self._material.number(place.path) % 2 == 0
            case "null":
                return None
        raise ValueError(f"type {type_name} is not known")

    def _fill_one_of(self, options: Sequence[Schema], place: _Place) -> Any:
        values = [option for option in options if option.get("type") not in ("null", "NULL")]
        if place.is_minimal and len(values) < len(options):
            return None
        if place.is_minimal:
            values.sort(key=lambda option: "$ref" in str(option))
        return self._fill(values[0], place) if values else None

    def _resolve(self, ref: str) -> Schema:
        target: Any = self._root
        for step in ref.removeprefix("#").split("/")[1:]:
            target = target[step.replace("~1", "/").replace("~0", "~")]
        if not isinstance(target, dict) or not ref.startswith("#"):
            raise ValueError(f"{ref} leads nowhere")
        return target

    def _merge(self, schema: Schema, parts: Sequence[Schema]) -> Schema:
        whole = {key: value for key, value in schema.items() if key not in ("allOf", "all_of")}
        for part in parts:
            resolved = self._resolve(part["$ref"]) if "$ref" in part else part
            properties = {**whole.get("properties", {}), **resolved.get("properties", {})}
            required = [*whole.get("required", []), *resolved.get("required", [])]
            whole |= resolved
            if properties:
                whole |= {"properties": properties, "required": required}
        return whole

    def _object(self, schema: Schema, place: _Place) -> dict[str, Any]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required: Sequence[str] = schema.get("required", [])
        names = dict.fromkeys([*(field(schema, "propertyOrdering") or []), *properties, *required])
        written = claim(self._material, place.name, item=place.index) if properties.keys() >= _CLAIM else {}
        return written | {
            name: self._fill(properties.get(name, {}), place.property(name))
            for name in names
            if name not in written and (name in required or (name in properties and not place.is_minimal))
        }

    def _array(self, schema: Schema, place: _Place) -> list[Any]:
        first: Sequence[Schema] = field(schema, "prefixItems") or []
        fewest = _limit(schema, "minItems") or 0
        most = _limit(schema, "maxItems")
        length = fewest if place.is_minimal else max(fewest, len(first) or _USUAL_ITEMS)
        length = length if most is None else min(length, most)
        if length < fewest or length > _MOST_VALUES:
            raise ValueError(f"no list can have {fewest} to {most} items")
        rest = schema.get("items", {})
        return [self._fill(first[index] if index < len(first) else rest, place.item(index)) for index in range(length)]

    def _string(self, schema: Schema, place: _Place) -> str:
        if make := _FORMATS.get(schema.get("format", "")):
            return make(self._material.number(place.path))
        is_detail = place.objects > 1
        text = (phrase if is_detail else sentence)(self._material, place.name, item=place.index)
        shortest, longest = _limit(schema, "minLength") or 0, _limit(schema, "maxLength")
        if shortest > min(_LONGEST_TEXT, _LONGEST_TEXT if longest is None else longest):
            raise ValueError(f"no text can have {shortest} to {longest} characters")
        while len(text) < shortest:
            text += f" {text}"
        return text[:longest]


def _type_of(schema: Schema, place: _Place) -> str:
    types = schema.get("type", [])
    names = [name.lower() for name in ([types] if isinstance(types, str) else types)]
    values = [name for name in names if name != "null"]
    if place.is_minimal and ("null" in names or schema.get("nullable")):
        return "null"
    if names:
        return values[0] if values else "null"
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _limit(schema: Schema, name: str) -> int | None:
    # Google's dialect writes 64-bit integers as strings.
    value = field(schema, name)
    return None if value is None else max(0, int(value))


def _number(schema: Schema, seed: int, *, is_whole: bool) -> float:
    """Return a number within the limits, on a multiple of the step where there is one."""
    limits = {name: field(schema, name) for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")}
    bounds = {name: float(value) for name, value in limits.items() if value is not None}
    low = max(bounds.get("minimum", -math.inf), bounds.get("exclusiveMinimum", -math.inf))
    high = min(bounds.get("maximum", math.inf), bounds.get("exclusiveMaximum", math.inf))
    if math.isinf(low):
        low = 0.0 if high > 0 else high - _USUAL_SPAN
    if math.isinf(high):
        high = low + _USUAL_SPAN
    step = field(schema, "multipleOf")
    step = 1 if step is None and is_whole else step
    if step is None:
        # Strictly between the limits, unless they are one.
        value = low + (high - low) * (seed % 997 + 1) / 999
        if not (low < value < high or low == value == high):
            raise ValueError(f"no number lies between {low} and {high}")
        return value
    first = math.ceil(low / step) + (low == bounds.get("exclusiveMinimum") and low % step == 0)
    last = math.floor(high / step) - (high == bounds.get("exclusiveMaximum") and high % step == 0)
    if first > last:
        raise ValueError(f"no multiple of {step} lies between {low} and {high}")
    value = (first + seed % (last - first + 1)) * step
    return int(value) if is_whole else value
