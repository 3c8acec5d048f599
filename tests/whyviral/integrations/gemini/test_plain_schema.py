from typing import Annotated, Literal

from pydantic import BaseModel, Field

from local.stand_ins.language_models.schema import has_limits
from whyviral.analysis.explanation.answer import AnalystAnswer
from whyviral.integrations.gemini.plain_schema import plain_schema


class Part(BaseModel):
    size: Annotated[int, Field(ge=0, le=9)] = 3
    inner: "Part | None" = None


class Shape(BaseModel):
    kind: Literal["only"] = Field(description="What it is.")
    maxLength: Annotated[str, Field(max_length=5)]  # noqa: N815 - a property may be named like a keyword
    parts: Annotated[list[Part], Field(min_length=1)]


def test_types_names_and_descriptions_are_kept_and_limits_are_not() -> None:
    part = {
        "type": "object",
        "properties": {"size": {"type": "integer"}, "inner": {"anyOf": [{"type": "object"}, {"type": "null"}]}},
    }
    assert plain_schema(Shape.model_json_schema()) == {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "description": "What it is.", "enum": ["only"]},
            "maxLength": {"type": "string"},
            "parts": {"type": "array", "items": part},
        },
        "required": ["kind", "maxLength", "parts"],
    }


def test_the_schema_of_an_analysis_has_no_limits_left_and_all_of_its_fields() -> None:
    schema = AnalystAnswer.model_json_schema()

    assert has_limits(schema)
    assert not has_limits(plain_schema(schema))
    assert plain_schema(schema)["properties"].keys() == AnalystAnswer.model_fields.keys()
    assert plain_schema(plain_schema(schema)) == plain_schema(schema)
