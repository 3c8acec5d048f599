"""Every way in which Gemini fails, and the fallback for each.

Source: ai.google.dev, "Troubleshooting"; google-genai 3.4.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.language_models.errors import SERVICE, Fallback, ModelError

PROVIDER = "gemini"

_DELAY = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s")
_DEFAULT_REST = timedelta(seconds=60)
_DAY_QUOTA_RESET_HOUR = 8
"""Quotas of a day end at midnight Pacific time, which is 8:00 UTC in winter and an hour before that in summer."""
_MEDIA_WORDS = re.compile(r"image|video|audio|media|inline_?data|file_?(?:uri|data)", re.IGNORECASE)
BLOCKING_REASONS = frozenset({"SAFETY", "PROHIBITED_CONTENT", "SPII", "BLOCKLIST", "LANGUAGE", "MODEL_ARMOR"})
"""The finish reasons of an answer that was blocked."""


class GeminiError(ModelError):
    """One exchange with Gemini gave no usable answer."""

    def __init__(
        self,
        message: str,
        *,
        category: ErrorCategory,
        fallback: Fallback,
        is_transient: bool = False,
        status: int = HTTPStatus.OK,
        key_cooldown_until: datetime | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(
            message,
            provider=PROVIDER,
            category=category,
            fallback=fallback,
            is_transient=is_transient,
            status=status,
            key_cooldown_until=key_cooldown_until,
            retry_after_s=retry_after_s,
        )


def error_of_status(status: int, document: Any, *, now: datetime) -> GeminiError:
    """Return the error for a status; Google's messages may quote keys, so none of them are kept."""
    error = document.get("error") if isinstance(document, Mapping) else None
    error = error if isinstance(error, Mapping) else {}
    is_our_account = error.get("status") == "FAILED_PRECONDITION"  # region or billing
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _quota_spent(error, now)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return _key_refused(status)
        case HTTPStatus.BAD_REQUEST if any(detail.get("reason") == "API_KEY_INVALID" for detail in _details(error)):
            return _key_refused(status)
        case HTTPStatus.NOT_FOUND:
            message, fallback = f"{SERVICE} has been retired.", Fallback.OTHER_MODEL
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            message, fallback = f"{SERVICE} is overloaded.", Fallback.OTHER_MODEL
        case HTTPStatus.BAD_REQUEST if not is_our_account and not _MEDIA_WORDS.search(str(error.get("message"))):
            # A 400 seldom names its reason. Where it names no medium, limits in the response schema are the likely one.
            message, fallback = f"{SERVICE} refused our question.", Fallback.PLAIN_SCHEMA
        case _:
            message, fallback = f"{SERVICE} refused our question.", Fallback.NONE
    return GeminiError(
        message,
        category=ErrorCategory.AUTH if is_our_account else ErrorCategory.PROVIDER_ERROR,
        fallback=fallback,
        is_transient=status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        status=status,
    )


def refused_content() -> GeminiError:
    """Return the error of a prompt that was blocked."""
    return GeminiError(
        f"{SERVICE} refused to answer about this post.", category=ErrorCategory.AI_ERROR, fallback=Fallback.NONE
    )


def error_of_finish(finish_reason: str | None) -> GeminiError:
    """Return the error for an answer that did not end by itself; unknown reasons are retried once."""
    if finish_reason in BLOCKING_REASONS:
        return refused_content()
    message = "stopped in the middle of its answer" if finish_reason == "MAX_TOKENS" else "gave up on its answer"
    return GeminiError(f"{SERVICE} {message}.", category=ErrorCategory.AI_ERROR, fallback=Fallback.ASK_AGAIN)


def unusable_answer() -> GeminiError:
    """Return the error for an answer that is empty or holds no JSON object."""
    return GeminiError(
        f"{SERVICE} gave an answer that could not be used.",
        category=ErrorCategory.AI_ERROR,
        fallback=Fallback.ASK_AGAIN,
    )


def unreadable_reply() -> GeminiError:
    """Return the error for a reply that does not have Gemini's form."""
    return GeminiError(
        f"{SERVICE} sent a reply that could not be read.",
        category=ErrorCategory.PROVIDER_ERROR,
        fallback=Fallback.ASK_AGAIN,
        is_transient=True,
    )


def _key_refused(status: int) -> GeminiError:
    return GeminiError(
        f"{SERVICE} refused our account.", category=ErrorCategory.AUTH, fallback=Fallback.NEXT_KEY, status=status
    )


def _quota_spent(error: Mapping[str, Any], now: datetime) -> GeminiError:
    returns_at = _quota_returns_at(error, now)
    return GeminiError(
        f"{SERVICE} asks us to slow down.",
        category=ErrorCategory.RATE_LIMIT,
        fallback=Fallback.NEXT_KEY,
        is_transient=True,
        status=HTTPStatus.TOO_MANY_REQUESTS,
        key_cooldown_until=returns_at,
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
