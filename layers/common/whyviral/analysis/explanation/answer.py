"""The analyst's answer: the shape asked of the model, and the part of an answer that we accept.

The schema sent to a model is only a hint, and its answer is untrusted until `read_answer` has read it and the checker
has checked its claims. A paid answer is not thrown away over a limit: long texts are cut, empty and surplus items are
dropped, and prose with citations in brackets is read as claims.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from whyviral.analysis.models import SUGGESTIONS
from whyviral.core.errors import ErrorCategory

from .claims.claim import Claim
from .claims.written_claim import read_claim, read_prose

MAX_CLAIMS = 8
PROSE_FIELDS = frozenset({"virality_reasoning", "creator_context", "viral_formula"})
"""Fields that read as one text; the others are lists of sentences."""


class InvalidAnswer(Exception):
    """The model's answer lacks the shape that was asked for; the reason names fields, never content."""

    category: ClassVar[ErrorCategory] = ErrorCategory.AI_ERROR

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _claims_up_to(max_items: int) -> Callable[[object], object]:
    """Return the validator that drops items without text, then those beyond `max_items`."""

    def keep(value: object) -> object:
        if not isinstance(value, list):
            return value
        return [claim for item in value if (claim := read_claim(item)) is not None][:max_items]

    return keep


def _claims_of_prose(value: object) -> object:
    return _claims_up_to(MAX_CLAIMS)(read_prose(value) if isinstance(value, str) else value)


def _single_claim(value: object) -> object:
    return read_claim(value) or value


_Single = Annotated[Claim, BeforeValidator(_single_claim)]
_Prose = Annotated[list[Claim], Field(min_length=1, max_length=MAX_CLAIMS), BeforeValidator(_claims_of_prose)]
_UpToFive = Annotated[list[Claim], Field(min_length=3, max_length=5), BeforeValidator(_claims_up_to(5))]
_UpToEight = Annotated[list[Claim], Field(min_length=1, max_length=8), BeforeValidator(_claims_up_to(8))]
_Suggestions = Annotated[
    list[Claim],
    Field(min_length=SUGGESTIONS, max_length=SUGGESTIONS),
    BeforeValidator(_claims_up_to(SUGGESTIONS)),
]

# Errors without input: the answer must not reach a log by way of a traceback.
_CONFIG = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ContentObservation(BaseModel):
    """The post as a viewer meets it."""

    model_config = _CONFIG

    hook: _Single = Field(description="How the post wins attention at first sight.")
    tone: _Single = Field(description="The voice and mood of the post.")
    format: _Single = Field(description="What kind of post it is and how it is built.")
    audience: _Single = Field(description="Who it speaks to.")


class AnalystAnswer(BaseModel):
    """Why the post performed as it did, as claims."""

    model_config = _CONFIG

    virality_reasoning: _Prose = Field(description="Why the post got the given verdict, in 2 to 8 claims that read on.")
    quick_takeaways: _UpToFive = Field(description="The 3 to 5 main lessons.")
    creator_context: _Prose = Field(description="What the facts say about the creator and their reach.")
    content_observation: ContentObservation
    replicable_elements: _UpToEight = Field(description="1 to 8 things that others can reuse.")
    viral_formula: _Single = Field(description="The recipe in one or two lines.")
    improvements: _UpToEight = Field(description="1 to 8 changes that would have made it stronger.")
    suggestions_for_future_posts: _Suggestions = Field(description="Exactly 4 concrete ideas for next posts.")


def read_answer(raw: Mapping[str, Any]) -> AnalystAnswer:
    """Return the answer cleaned and cut to its limits; its claims are still to be checked.

    Args:
        raw: the object that the model wrote, by itself or as the only value of another object.

    Raises:
        InvalidAnswer: a field is missing, empty or of the wrong type, or a list has too few items.
    """
    try:
        return AnalystAnswer.model_validate(_unwrapped(raw))
    except ValidationError as exc:
        problems = [f"{'.'.join(map(str, error['loc'])) or 'answer'}: {error['msg']}" for error in exc.errors()[:5]]
        raise InvalidAnswer("; ".join(problems)) from exc


def claims_of(answer: AnalystAnswer) -> Iterator[tuple[str, Claim]]:
    """Yield every claim with its field, such as `content_observation.hook`, in the order of the answer."""
    for name in AnalystAnswer.model_fields:
        value = getattr(answer, name)
        if isinstance(value, ContentObservation):
            yield from ((f"{name}.{part}", getattr(value, part)) for part in ContentObservation.model_fields)
        else:
            yield from ((name, claim) for claim in ([value] if isinstance(value, Claim) else value))


def _unwrapped(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object inside a wrapper such as `{"analysis": {...}}`."""
    (inner,) = raw.values() if len(raw) == 1 else (None,)
    return inner if isinstance(inner, Mapping) and not raw.keys() & AnalystAnswer.model_fields.keys() else raw
