"""Every way in which Gemini fails, and what helps. Source: ai.google.dev, "Troubleshooting"; google-genai 3.4."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from whyviral.core.errors import ErrorCategory

from .errors import NotNow, ProviderError

PROVIDER = "gemini"
SERVICE = "The model that explains posts"

_DELAY = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s")
_DEFAULT_REST = timedelta(seconds=60)
_DAY_QUOTA_RESET_HOUR = 8
"""Quotas of a day end at midnight Pacific time, which is 8:00 UTC in winter and an hour before that in summer."""
_FINISHED_BY_BLOCKING = frozenset({"SAFETY", "PROHIBITED_CONTENT", "SPII", "BLOCKLIST", "LANGUAGE", "MODEL_ARMOR"})


class Remedy(Enum):
    """What may help after a setback."""

    NEXT_KEY = auto()
    OTHER_MODEL = auto()
    ASK_AGAIN = auto()
    NONE = auto()


class GeminiSetback(ProviderError):
    """One exchange gave no usable answer.

    Attributes:
        remedy: what to try next.
        key_rests_until: with NEXT_KEY, when this key may be used again; None: not by us.
    """

    def __init__(
        self,
        message: str,
        *,
        category: ErrorCategory,
        remedy: Remedy,
        is_transient: bool = False,
        status: int = HTTPStatus.OK,
        key_rests_until: datetime | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(
            message,
            provider=PROVIDER,
            category=category,
            is_transient=is_transient,
            retry_after_s=retry_after_s,
            status=status,
        )
        self.remedy = remedy
        self.key_rests_until = key_rests_until


def setback_of_status(status: int, document: Any, *, now: datetime) -> GeminiSetback:
    """Return what an error status means; Google's own words may quote keys, so none of them are kept."""
    error = document.get("error") if isinstance(document, Mapping) else None
    error = error if isinstance(error, Mapping) else {}
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _quota_spent(error, now)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return _key_refused(status)
        case HTTPStatus.BAD_REQUEST if any(detail.get("reason") == "API_KEY_INVALID" for detail in _details(error)):
            return _key_refused(status)
        case HTTPStatus.NOT_FOUND:
            message, remedy = f"{SERVICE} has been retired.", Remedy.OTHER_MODEL
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            message, remedy = f"{SERVICE} is overloaded.", Remedy.OTHER_MODEL
        case _:
            message, remedy = f"{SERVICE} refused our question.", Remedy.NONE
    is_our_account = error.get("status") == "FAILED_PRECONDITION"  # region or billing
    return GeminiSetback(
        message,
        category=ErrorCategory.AUTH if is_our_account else ErrorCategory.PROVIDER_ERROR,
        remedy=remedy,
        is_transient=status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        status=status,
    )


def setback_of_refusal(refusal: NotNow, *, now: datetime) -> GeminiSetback:
    """Return what helps where a question was not let through: another key where this one rests, else another model."""
    rests = refusal.category is ErrorCategory.RATE_LIMIT
    return GeminiSetback(
        refusal.message,
        category=refusal.category,
        remedy=Remedy.NEXT_KEY if rests else Remedy.OTHER_MODEL,
        is_transient=True,
        key_rests_until=now + timedelta(seconds=refusal.retry_after_s or 0.0),
        retry_after_s=refusal.retry_after_s,
    )


def refused_content() -> GeminiSetback:
    """Return the setback of a prompt that was blocked."""
    return GeminiSetback(
        f"{SERVICE} refused to speak about this one.", category=ErrorCategory.AI_ERROR, remedy=Remedy.NONE
    )


def setback_of_finish(finish_reason: str | None) -> GeminiSetback:
    """Return what an answer that did not end by itself means; reasons we do not know count as bad luck."""
    if finish_reason in _FINISHED_BY_BLOCKING:
        return refused_content()
    message = "stopped in the middle of its answer" if finish_reason == "MAX_TOKENS" else "gave up on its answer"
    return GeminiSetback(f"{SERVICE} {message}.", category=ErrorCategory.AI_ERROR, remedy=Remedy.ASK_AGAIN)


def unusable_answer() -> GeminiSetback:
    """Return the setback of an answer that is empty or not the JSON that was asked for."""
    return GeminiSetback(
        f"{SERVICE} gave an answer that could not be used.", category=ErrorCategory.AI_ERROR, remedy=Remedy.ASK_AGAIN
    )


def unreadable_reply() -> GeminiSetback:
    """Return the setback of a reply that is not Gemini's at all."""
    return GeminiSetback(
        f"{SERVICE} sent a reply that could not be read.",
        category=ErrorCategory.PROVIDER_ERROR,
        remedy=Remedy.ASK_AGAIN,
        is_transient=True,
    )


def _key_refused(status: int) -> GeminiSetback:
    return GeminiSetback(
        f"{SERVICE} refused our account.", category=ErrorCategory.AUTH, remedy=Remedy.NEXT_KEY, status=status
    )


def _quota_spent(error: Mapping[str, Any], now: datetime) -> GeminiSetback:
    returns_at = _quota_returns_at(error, now)
    return GeminiSetback(
        f"{SERVICE} asks us to slow down.",
        category=ErrorCategory.RATE_LIMIT,
        remedy=Remedy.NEXT_KEY,
        is_transient=True,
        status=HTTPStatus.TOO_MANY_REQUESTS,
        key_rests_until=returns_at,
        retry_after_s=(returns_at - now).total_seconds(),
    )


def _quota_returns_at(error: Mapping[str, Any], now: datetime) -> datetime:
    if any("PerDay" in quota_id for quota_id in _quota_ids(error)):
        reset = now.replace(hour=_DAY_QUOTA_RESET_HOUR, minute=0, second=0, microsecond=0)
        return reset if reset > now else reset + timedelta(days=1)
    delays = (_DELAY.fullmatch(str(detail.get("retryDelay"))) for detail in _details(error))
    seconds = next((float(delay[1]) for delay in delays if delay), None)
    return now + (_DEFAULT_REST if seconds is None else timedelta(seconds=seconds))


def _quota_ids(error: Mapping[str, Any]) -> Iterator[str]:
    for detail in _details(error):
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, Mapping):
                yield str(violation.get("quotaId"))


def _details(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    details = error.get("details")
    return (detail for detail in (details if isinstance(details, list) else ()) if isinstance(detail, Mapping))
