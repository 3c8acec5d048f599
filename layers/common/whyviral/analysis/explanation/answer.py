"""The analyst's answer: the shape asked of the model, and the part of an answer that we accept.

The schema sent to a model is only a hint, and its answer is untrusted until it has passed `validate_answer`. A paid
answer is not thrown away over a limit: long texts are cut, empty and surplus items are dropped.
"""

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from whyviral.analysis.facts.fact_sheet import Fact
from whyviral.analysis.models import SUGGESTIONS
from whyviral.core.errors import ErrorCategory

from .citations import CitationCheck
from .cited_numbers import without_false_numbers

MAX_PROSE_CHARACTERS = 4_000
MAX_LINE_CHARACTERS = 600
_ELLIPSIS = "…"
_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InvalidAnswer(Exception):
    """The model's answer lacks the shape that was asked for; the reason names fields, never content."""

    category: ClassVar[ErrorCategory] = ErrorCategory.AI_ERROR

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _clean(value: object) -> object:
    """Drop invisible characters on which a terminal, a page or a database may act."""
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


@dataclass(slots=True)
class _EvidenceCheck:
    """Checks every text of one answer against the evidence, and counts what it replaces by `[inference]`."""

    citations: CitationCheck
    facts: Mapping[str, Fact]
    false_numbers: int = 0

    def apply(self, text: str) -> str:
        checked, false_numbers = without_false_numbers(self.citations.apply(text), self.facts)
        self.false_numbers += false_numbers
        return checked


def _checked_against_evidence(value: object, info: ValidationInfo) -> object:
    return info.context.apply(value) if isinstance(value, str) and isinstance(info.context, _EvidenceCheck) else value


def _cut_to(max_characters: int) -> Callable[[object], object]:
    """Return the validator that cuts a text at the last word, and outside a citation, that still fits."""

    def cut(value: object) -> object:
        if not isinstance(value, str) or len(value) <= max_characters:
            return value
        kept = value[: max_characters - len(_ELLIPSIS)]
        if not value[len(kept)].isspace():
            words, blank, rest = kept.rpartition(" ")
            # Languages without blanks have no last word near the limit.
            kept = words if blank and len(rest) < max_characters // 10 else kept
        if kept.rfind("[") > kept.rfind("]"):
            kept = kept[: kept.rfind("[")]
        return kept.rstrip() + _ELLIPSIS

    return cut


def _items_up_to(max_items: int) -> Callable[[object], object]:
    """Return the validator that drops items without text, then those beyond `max_items`."""

    def keep(value: object) -> object:
        if not isinstance(value, list):
            return value
        return [item for item in value if isinstance(item, str) and _on_one_line(_clean(item))][:max_items]

    return keep


# Before-validators run last to first: clean, put on one line, check against the evidence, cut; then the limits hold.
_Prose = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_PROSE_CHARACTERS),
    BeforeValidator(_cut_to(MAX_PROSE_CHARACTERS)),
    BeforeValidator(_checked_against_evidence),
    BeforeValidator(_clean),
]
_Line = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_LINE_CHARACTERS),
    BeforeValidator(_cut_to(MAX_LINE_CHARACTERS)),
    BeforeValidator(_checked_against_evidence),
    BeforeValidator(_on_one_line),
    BeforeValidator(_clean),
]
_UpToFive = Annotated[list[_Line], Field(max_length=5), BeforeValidator(_items_up_to(5))]
_UpToEight = Annotated[list[_Line], Field(max_length=8), BeforeValidator(_items_up_to(8))]
_Suggestions = Annotated[list[_Line], Field(max_length=SUGGESTIONS), BeforeValidator(_items_up_to(SUGGESTIONS))]


# Errors without input: the answer must not reach a log by way of a traceback.
_CONFIG = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ContentObservation(BaseModel):
    """The post as a viewer meets it."""

    model_config = _CONFIG

    hook: _Line = Field(description="How the post wins attention at first sight.")
    tone: _Line = Field(description="The voice and mood of the post.")
    format: _Line = Field(description="What kind of post it is and how it is built.")
    audience: _Line = Field(description="Who it speaks to.")


class AnalystAnswer(BaseModel):
    """Why the post performed as it did."""

    model_config = _CONFIG

    virality_reasoning: _Prose = Field(description="Why the post got the given verdict, citing facts as [F1].")
    quick_takeaways: _UpToFive = Field(min_length=3, description="The 3 to 5 main lessons.")
    creator_context: _Prose = Field(description="What the facts say about the creator and their reach.")
    content_observation: ContentObservation
    replicable_elements: _UpToEight = Field(min_length=1, description="1 to 8 things that others can reuse.")
    viral_formula: _Line = Field(description="The recipe in one or two lines.")
    improvements: _UpToEight = Field(min_length=1, description="1 to 8 changes that would have made it stronger.")
    suggestions_for_future_posts: _Suggestions = Field(
        min_length=SUGGESTIONS, description="Exactly 4 concrete ideas for next posts."
    )


@dataclass(frozen=True, slots=True)
class ValidatedAnswer:
    """An answer fit to be saved and shown."""

    answer: AnalystAnswer
    unknown_citations: int
    """How many citations named an unknown id and were replaced by `[inference]`."""
    false_numbers: int = 0
    """How many were replaced because the number beside them is not the value of the fact."""


def validate_answer(
    raw: Mapping[str, Any], *, citable_ids: Collection[str], facts: Sequence[Fact] = ()
) -> ValidatedAnswer:
    """Return the answer cleaned, cut to its limits and citing only known ids.

    Args:
        raw: the object that the model wrote, by itself or as the only value of another object.
        citable_ids: of the facts (`F1`), transcript spans (`T1`) and media (`M1`) that the model was given.
        facts: those whose values are compared with the numbers beside their citations.

    Raises:
        InvalidAnswer: a field is missing, empty or of the wrong type, or a list has too few items.
    """
    check = _EvidenceCheck(CitationCheck(frozenset(citable_ids)), {fact.id: fact for fact in facts})
    try:
        answer = AnalystAnswer.model_validate(_unwrapped(raw), context=check)
    except ValidationError as exc:
        problems = [f"{'.'.join(map(str, error['loc'])) or 'answer'}: {error['msg']}" for error in exc.errors()[:5]]
        raise InvalidAnswer("; ".join(problems)) from exc
    return ValidatedAnswer(answer, check.citations.unknown, check.false_numbers)


def _unwrapped(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object inside a wrapper such as `{"analysis": {...}}`."""
    (inner,) = raw.values() if len(raw) == 1 else (None,)
    return inner if isinstance(inner, Mapping) and not raw.keys() & AnalystAnswer.model_fields.keys() else raw
