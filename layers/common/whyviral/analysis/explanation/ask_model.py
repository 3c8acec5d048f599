"""Asks the model until an answer is valid: once more for a better one, and with less media where it refuses them."""

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

from .answer import AnalystAnswer, InvalidAnswer, ValidatedAnswer, validate_answer
from .evidence import Evidence
from .prompt import build_prompt

_ANSWER_TRIES = 2
_LEAST_TRY_S = 10.0
"""With less time left there is no other try."""
_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


class BuildAnalyst(Protocol):
    """Makes an analyst that reports its calls to a collector and answers within `timeout_s`."""

    def __call__(self, *, calls: CallCollector, timeout_s: float) -> Analyst:
        """Make it."""
        ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """A valid answer, the reply it came with, and what was asked."""

    validated: ValidatedAnswer
    reply: AnalystReply
    evidence: Evidence
    """As it was sent in the end."""
    prompt_version: str


def ask_model(
    evidence: Evidence, *, build_analyst: BuildAnalyst, calls: CallCollector, ends_at: datetime, clock: Clock
) -> Explanation:
    """Ask until an answer is valid.

    Args:
        evidence: what the question rests on.
        build_analyst: makes the analyst of each try.
        calls: takes every exchange.
        ends_at: when all tries must have ended.
        clock: tells the time.

    Raises:
        ProviderError: no answer, or none that is valid.
    """
    refused: list[AnalystReply] = []
    while True:
        left_s = (ends_at - clock()).total_seconds()
        if len(refused) == _ANSWER_TRIES or (refused and left_s < _LEAST_TRY_S):
            raise ProviderError(
                "The model's answer did not have the shape of an analysis; try again.",
                provider=refused[-1].provider,
                category=ErrorCategory.AI_ERROR,
            )
        prompt = build_prompt(evidence)
        try:
            reply = build_analyst(calls=calls, timeout_s=left_s).answer(prompt, shape=AnalystAnswer)
        except ProviderError as failure:
            lighter = evidence.with_less_media() if _may_be_the_media(failure, evidence) else None
            if lighter is None or ends_at - clock() < timedelta(seconds=_LEAST_TRY_S):
                raise
            evidence = lighter
            continue
        with suppress(InvalidAnswer):
            validated = validate_answer(reply.answer, citable_ids=evidence.citable_ids, facts=evidence.facts)
            return Explanation(validated, reply, evidence, prompt.version)
        refused.append(reply)


def _may_be_the_media(failure: ProviderError, evidence: Evidence) -> bool:
    """Whether the model may answer without some of the media.

    A video that is private, deleted or for adults is refused with the status of a bad key, and only a question without
    it tells which of the two it was.
    """
    if failure.category is ErrorCategory.AUTH:
        return any(isinstance(attachment.part, VideoUrl) for attachment in evidence.attachments)
    return failure.category is ErrorCategory.PROVIDER_ERROR and failure.status in _REFUSALS
