"""The analyst's answer: the shape asked of the model, and what of it we accept.

Whatever came back is untrusted until it has passed `validate_answer`: the schema sent to a model is a hint to it.
"""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from whyviral.analysis.models import SUGGESTIONS
from whyviral.core.errors import ErrorCategory

from .citations import CitationCheck

_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InvalidAnswer(Exception):
    """The model's answer does not have the shape it was asked for; the reason names fields, never content."""

    category: ClassVar[ErrorCategory] = ErrorCategory.AI_ERROR

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _clean(value: object) -> object:
    """Drop what no reader sees but a terminal, a page or a database may act on."""
    if not isinstance(value, str):
        return value
    return "".join(map(_harmless, value.replace("\r\n", "\n"))).strip()


def _harmless(character: str) -> str:
    if character == "\n":
        return character
    if unicodedata.category(character) == "Cc":
        return " " if character.isspace() else ""
    return "" if character in _BIDI_CONTROLS or unicodedata.category(character) == "Cs" else character


def _on_one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


def _with_checked_citations(text: str, info: ValidationInfo) -> str:
    return info.context.apply(text) if isinstance(info.context, CitationCheck) else text


# Before-validators run last to first: cleaned, put on one line, measured, then its citations are checked.
_Prose = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_000),
    BeforeValidator(_clean),
    AfterValidator(_with_checked_citations),
]
_Line = Annotated[
    str,
    StringConstraints(min_length=1, max_length=600),
    BeforeValidator(_on_one_line),
    BeforeValidator(_clean),
    AfterValidator(_with_checked_citations),
]


# Errors without input: the answer must not reach a log by way of a traceback.
_CONFIG = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ContentObservation(BaseModel):
    """What the post is, as a viewer meets it."""

    model_config = _CONFIG

    hook: _Line = Field(description="How the post wins attention at first sight.")
    tone: _Line = Field(description="The voice and mood of the post.")
    format: _Line = Field(description="What kind of post it is and how it is built.")
    audience: _Line = Field(description="Who it speaks to.")


class AnalystAnswer(BaseModel):
    """Why the post performed as it did."""

    model_config = _CONFIG

    virality_reasoning: _Prose = Field(description="Why the post got the given verdict, citing facts as [F1].")
    quick_takeaways: list[_Line] = Field(min_length=3, max_length=5, description="The 3 to 5 main lessons.")
    creator_context: _Prose = Field(description="What the facts say about the creator and their reach.")
    content_observation: ContentObservation
    replicable_elements: list[_Line] = Field(min_length=1, max_length=8, description="What others can reuse.")
    viral_formula: _Line = Field(description="The recipe in one or two lines.")
    improvements: list[_Line] = Field(min_length=1, max_length=8, description="What would have made it stronger.")
    suggestions_for_future_posts: list[_Line] = Field(
        min_length=SUGGESTIONS, max_length=SUGGESTIONS, description="Exactly 4 concrete ideas for next posts."
    )


@dataclass(frozen=True, slots=True)
class ValidatedAnswer:
    """An answer fit to be saved and shown."""

    answer: AnalystAnswer
    unknown_citations: int
    """How many citations named nothing that there is and were replaced by `[inference]`."""


def validate_answer(raw: Mapping[str, Any], *, citable_ids: Collection[str]) -> ValidatedAnswer:
    """Return the answer cleaned, bounded and citing only what exists.

    Args:
        raw: what the model wrote.
        citable_ids: of the facts (`F1`), transcript spans (`T1`) and media (`M1`) that the model was given.

    Raises:
        InvalidAnswer: a field is missing, empty, too long, of the wrong type, or a list has the wrong length.
    """
    check = CitationCheck(frozenset(citable_ids))
    try:
        answer = AnalystAnswer.model_validate(raw, context=check)
    except ValidationError as exc:
        problems = [f"{'.'.join(map(str, error['loc'])) or 'answer'}: {error['msg']}" for error in exc.errors()[:5]]
        raise InvalidAnswer("; ".join(problems)) from exc
    return ValidatedAnswer(answer, check.unknown)
