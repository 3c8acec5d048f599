from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from local.stand_ins.anthropic import question as anthropic
from local.stand_ins.openai import question as openai
from whyviral.analysis.explanation.answer import AnalystAnswer
from whyviral.integrations.language_models.strict_schema import strict_schema


class Tone(StrEnum):
    WARM = "warm"


class Inner(BaseModel):
    tone: Tone = Field(description="How it sounds.")
    kind: Literal["a", "b"] = "a"


class Shape(BaseModel):
    """A shape."""

    text: Annotated[str, Field(min_length=1, max_length=9, description="A text.")]
    items: Annotated[list[Inner], Field(min_length=3, max_length=5)]
    score: Annotated[float, Field(ge=0, le=1)] = 0.5
    inner: Inner = Field(description="Beside a reference.")
    note: str | None = None


def test_bounds_become_words_and_every_property_is_required() -> None:
    inner = {"$ref": "#/$defs/Inner"}
    properties: dict[str, Any] = {
        "text": {"type": "string", "description": "A text. At least 1 characters, at most 9 characters"},
        "items": {"type": "array", "description": "At least 3 items, at most 5 items", "items": inner},
        "score": {"type": "number", "description": "At least 0, at most 1"},
        "inner": inner,
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    }

    schema = strict_schema(Shape)

    definitions = schema.pop("$defs")
    assert schema == {
        "type": "object",
        "description": "A shape",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    assert definitions["Inner"]["required"] == ["tone", "kind"]


@pytest.mark.parametrize("shape", [Shape, AnalystAnswer])
def test_no_vendor_refuses_it(shape: type[BaseModel]) -> None:
    schema = strict_schema(shape)

    assert openai._RULES.find_breach(schema) is None
    assert anthropic._RULES.find_breach(schema) is None
    assert openai._RULES.find_breach(shape.model_json_schema()) is not None


def test_an_object_with_free_keys_cannot_be_asked_for() -> None:
    class Free(BaseModel):
        counts: dict[str, int]

    with pytest.raises(ValueError, match="free keys"):
        strict_schema(Free)
