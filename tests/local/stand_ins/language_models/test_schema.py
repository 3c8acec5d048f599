from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from local.stand_ins.language_models.schema import SchemaFiller, UnfillableSchema
from local.stand_ins.language_models.writer import gather

MATERIAL = gather("", "[F1] likes = 12 likes (x)\n<post>Bread at dawn #bread</post>")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Node(BaseModel):
    name: str
    children: list["Node"]
    parent: "Node | None"


class Base(BaseModel):
    number: Annotated[int, Field(gt=3, lt=5)]


class Everything(BaseModel):
    colour: Colour
    fixed: Literal["only"]
    either: int | list[str]
    maybe: Base | None
    pair: tuple[int, str]
    few: Annotated[list[Base], Field(min_length=2, max_length=2)]
    many: Annotated[list[str], Field(min_length=7)]
    none: Annotated[list[str], Field(max_length=0)]
    short: Annotated[str, Field(max_length=5)]
    long: Annotated[str, Field(min_length=900)]
    step: Annotated[int, Field(multiple_of=7, ge=10, le=20)]
    share: Annotated[float, Field(gt=0, lt=1)]
    negative: Annotated[float, Field(le=-5)]
    at: datetime
    day: date
    clock: time
    span: timedelta
    key: UUID
    flag: bool
    optional: str = "default"


def fill(schema: dict[str, Any]) -> Any:
    return SchemaFiller(schema, MATERIAL).answer()


@pytest.mark.parametrize("model", [Everything, Node, Base, list[Node], dict[str, Any], Colour, int | None, bool, str])
def test_the_answer_satisfies_the_schema_of_any_type(model: Any) -> None:
    adapter = TypeAdapter(model)

    adapter.validate_python(fill(adapter.json_schema()))


@given(low=st.integers(-(10**6), 10**6), span=st.integers(0, 1000))
def test_numbers_keep_within_their_limits(low: int, span: int) -> None:
    limits = {"minimum": low, "maximum": low + span}

    whole = fill({"type": "integer"} | limits)
    real = fill({"type": "number"} | limits)

    assert isinstance(whole, int)
    assert low <= whole <= low + span
    assert low <= real <= low + span


@given(step=st.sampled_from([Decimal("0.5"), Decimal(3), Decimal(10)]), low=st.integers(-100, 100))
def test_multiples_are_multiples(step: Decimal, low: int) -> None:
    value = fill({"type": "number", "multipleOf": float(step), "minimum": low, "maximum": low + 40})

    assert Decimal(value) % step == 0
    assert low <= value <= low + 40


def test_googles_own_dialect_is_understood() -> None:
    schema = {
        "type": "OBJECT",
        "property_ordering": ["b", "a"],
        "properties": {
            "a": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": "4", "maxItems": "4"},
            "b": {"type": "STRING", "enum": ["x", "y"], "nullable": True},
            "c": {"any_of": [{"type": "NULL"}, {"type": "BOOLEAN"}]},
        },
        "required": ["a", "b"],
    }

    answer = fill(schema)

    assert list(answer) == ["b", "a", "c"]
    assert len(answer["a"]) == 4
    assert answer["b"] in {"x", "y"}
    assert isinstance(answer["c"], bool)


def test_all_parts_of_a_composed_schema_are_met() -> None:
    part = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
    schema = {"allOf": [{"$ref": "#/$defs/part"}, {"properties": {"b": {"const": 7}}}], "$defs": {"part": part}}

    answer = fill(schema)

    assert isinstance(answer["a"], int)
    assert answer["b"] == 7


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "spaceship"},
        {"type": 5},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#"},
        {"type": "array", "minItems": 10**9},
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"type": "array", "minItems": "many"},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 6},
        {"type": "integer", "multipleOf": 0},
        {"type": "number", "minimum": "low"},
        {"type": "object", "properties": ["a"]},
        {"type": "object", "properties": {"a": "b"}},
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"items": {"items": {"items": {"minItems": 900}, "minItems": 900}, "minItems": 900}},
        {"anyOf": ["x"]},
        {"enum": 5},
    ],
)
def test_a_schema_that_cannot_be_followed_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(UnfillableSchema):
        fill(schema)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
keywords = st.sampled_from(
    ["type", "items", "properties", "required", "enum", "anyOf", "allOf", "$ref", "minItems", "maximum", "format"]
)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keywords, inner))


@given(st.dictionaries(keywords, anything))
@settings(deadline=None)
def test_any_schema_is_filled_or_refused(schema: dict[str, Any]) -> None:
    with suppress(UnfillableSchema):
        fill(schema)
