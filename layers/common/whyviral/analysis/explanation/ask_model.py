"""Asks the model until an answer is valid: once more after an invalid answer, with less media after a refusal."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol

from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.analyst import Analyst, AnalystReply, VideoUrl
from whyviral.vendor_calls.calls import CallCollector

from .answer import AnalystAnswer, InvalidAnswer, read_answer
from .checked_answer import AskAgain, CheckedAnswer, RepairedClaims, check_answer
from .evidence import Evidence
from .prompt import build_prompt
from .refused_media import lighter_variants

_ANSWER_TRIES = 2
_MIN_TRY_S = 10.0
"""With less time left, no other try is started."""
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, _TOO_LARGE})


class BuildAnalyst(Protocol):
    """Builds an analyst that reports its calls to a collector and answers within `timeout_s`."""

    def __call__(self, *, calls: CallCollector, timeout_s: float) -> Analyst:
        """Build the analyst."""
        ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """A valid answer, the reply it came with, and the evidence in the question."""

    checked: CheckedAnswer
    reply: AnalystReply
    evidence: Evidence
    """As it was in the question that was answered."""
    prompt_version: str


def ask_model(
    evidence: Evidence, *, build_analyst: BuildAnalyst, calls: CallCollector, ends_at: datetime, clock: Clock
) -> Explanation:
    """Ask until an answer is valid.

    Args:
        evidence: all that the question holds.
        build_analyst: builds the analyst of each try.
        calls: records every exchange.
        ends_at: when all tries must have ended.
        clock: returns the current time.

    Raises:
        ProviderError: there was no answer, or no valid one.
    """
    invalid: list[AnalystReply] = []
    lighter: Iterator[Evidence] | None = None
    while True:
        left_s = (ends_at - clock()).total_seconds()
        if len(invalid) == _ANSWER_TRIES or (invalid and left_s < _MIN_TRY_S):
            raise _invalid_answers(invalid[-1])
        prompt = build_prompt(evidence)
        try:
            reply = build_analyst(calls=calls, timeout_s=left_s).answer(prompt, shape=AnalystAnswer)
        except ProviderError as failure:
            if not _may_be_the_media(failure, evidence) or ends_at - clock() < timedelta(seconds=_MIN_TRY_S):
                raise
            lighter = lighter or lighter_variants(evidence, is_too_large=failure.status == _TOO_LARGE)
            if (variant := next(lighter, None)) is None:
                raise
            evidence = variant
            continue
        with suppress(InvalidAnswer):
            answer = read_answer(reply.answer)
            ask_again = _ask_again(build_analyst, calls, left_s=(ends_at - clock()).total_seconds())
            return Explanation(
                check_answer(answer, evidence, prompt, ask_again=ask_again), reply, evidence, prompt.version
            )
        invalid.append(reply)


def _ask_again(build_analyst: BuildAnalyst, calls: CallCollector, *, left_s: float) -> AskAgain | None:
    """Return what asks for other claims in the time that is left; None if that is too little."""
    if left_s < _MIN_TRY_S:
        return None
    return lambda question: build_analyst(calls=calls, timeout_s=left_s).answer(question, shape=RepairedClaims).answer


def _invalid_answers(reply: AnalystReply) -> ProviderError:
    return ProviderError(
        "The model's answer did not have the shape of an analysis; try again.",
        provider=reply.provider,
        category=ErrorCategory.AI_ERROR,
    )


def _may_be_the_media(failure: ProviderError, evidence: Evidence) -> bool:
    """Whether the model may answer without some of the media.

    Gemini refuses a video that is private, deleted or for adults with the status of a bad key. Only a question without
    the video shows which of the two it was.
    """
    if failure.category is ErrorCategory.AUTH:
        return any(isinstance(attachment.part, VideoUrl) for attachment in evidence.attachments)
    return failure.category is ErrorCategory.PROVIDER_ERROR and failure.status in _REFUSALS
