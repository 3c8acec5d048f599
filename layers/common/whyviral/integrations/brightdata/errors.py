"""Every way in which Bright Data says no, in our categories.

Source: docs.brightdata.com, "Error codes" and "Monitor progress"; the words as recorded in 2026-09.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.bounded import HttpAnswer, retry_after_s
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json

PROVIDER = "brightdata"
SERVICE = "The scraping service"

_ACCOUNT = f"{SERVICE} refused our account."
_QUESTION = f"{SERVICE} refused our question."
_DATASET = f"{SERVICE} does not offer us posts of this kind."
_ADDRESS = "The platform has no posts with an address like this one."
_NOTHING = "The platform shows no public post at this address."
_LOST = f"{SERVICE} has lost its work on this post; try again."
LOST_AGAIN = f"{SERVICE} has lost its work on this post twice; trying again begins it once more."
"""Nothing is begun again by itself after this, or after the next: whoever asks for it decides."""
BEGUN_UNSEEN = f"{SERVICE} did not say whether it has begun to read this post; trying again begins it once more."
_GAVE_UP = f"{SERVICE} gave up on this post; try again."
_SLOW_DOWN = f"{SERVICE} asks us to slow down."
_OUT_OF_ORDER = f"{SERVICE} is out of order."
_UNREADABLE = f"{SERVICE} sent an answer that could not be read."


class SnapshotLost(ProviderError):
    """The vendor no longer knows the job, or will never end it: only a new one can help."""


class SnapshotFailed(ProviderError):
    """The job has ended and gave nothing; its category says why, and asking for it again changes nothing."""


class TriggerLost(ProviderError):
    """Nobody knows whether the job has begun: beginning another might be paying twice, so that is not ours to do."""


_MAX_WORDS = 10_000
"""Bytes of a refusal that are looked at."""

type _Meaning = tuple[str, ErrorCategory, str]
"""A part of the vendor's words, in lower case, and what it means."""

_ACCOUNT_WORDS: Sequence[_Meaning] = (
    ("account is suspended", ErrorCategory.AUTH, _ACCOUNT),
    ("customer is not active", ErrorCategory.AUTH, _ACCOUNT),
    ("account is new", ErrorCategory.AUTH, _ACCOUNT),
)
_REFUSALS: Sequence[_Meaning] = (
    *_ACCOUNT_WORDS,
    ("not allowed for api", ErrorCategory.UNSUPPORTED, _DATASET),
    ("does not support collection", ErrorCategory.UNSUPPORTED, _DATASET),
    ("dataset does not exist", ErrorCategory.UNSUPPORTED, _DATASET),
    ("collector not found", ErrorCategory.UNSUPPORTED, _DATASET),
)
_ENDS: Sequence[_Meaning] = (
    *_ACCOUNT_WORDS,
    ("no data found in discovery", ErrorCategory.NOT_FOUND, _NOTHING),
    ("snapshot is empty", ErrorCategory.NOT_FOUND, _NOTHING),
    ("input validation failed", ErrorCategory.INVALID_URL, _ADDRESS),
)


def find_refusal(answer: HttpAnswer, *, now: datetime) -> ProviderError | None:
    """Return why `answer` is not what was asked for, or None when its status says that it is.

    Args:
        answer: the answer.
        now: what a date in `Retry-After` is measured against.
    """
    if httpx.codes.is_success(answer.status):
        return None
    words = answer.body[:_MAX_WORDS].decode(errors="replace").lower()
    error = _refusal_by_words(answer.status, words) or _refusal_by_status(answer.status, answer.body)
    if error.is_transient:
        error.retry_after_s = retry_after_s(answer.headers, now=now)
    return error


def _refusal_by_words(status: int, words: str) -> ProviderError | None:
    if "snapshot does not exist" in words or "snapshot is expired" in words:
        return lost_snapshot(status)
    if "snapshot is empty" in words:
        return empty_snapshot(status)
    if "dataset is not ready yet" in words:
        return _error(ErrorCategory.PROVIDER_ERROR, _OUT_OF_ORDER, status, is_transient=True)
    for part, category, message in _REFUSALS:
        if part in words:
            return _error(category, message, status)
    return None


def _refusal_by_status(status: int, body: bytes) -> ProviderError:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.PAYMENT_REQUIRED | HTTPStatus.FORBIDDEN:
            return _error(ErrorCategory.AUTH, _ACCOUNT, status)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _error(ErrorCategory.RATE_LIMIT, _SLOW_DOWN, status, is_transient=True)
        case HTTPStatus.BAD_REQUEST if _is_about_url(body):
            return _error(ErrorCategory.INVALID_URL, _ADDRESS, status)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _error(ErrorCategory.PROVIDER_ERROR, _OUT_OF_ORDER, status, is_transient=True)
    return _error(ErrorCategory.PROVIDER_ERROR, _QUESTION, status)


def _is_about_url(body: bytes) -> bool:
    try:
        document = parse_untrusted_json(body)
    except NotJson:
        return False
    if not isinstance(document, Mapping) or document.get("code") != "validation_error":
        return False
    errors = document.get("errors")
    return isinstance(errors, list) and any(isinstance(error, list) and error[:1] == ["url"] for error in errors)


def ended_badly(error_message: object) -> SnapshotFailed:
    """Return what a job means that `progress` calls failed or canceled."""
    words = str(error_message).lower()
    for part, category, message in _ENDS:
        if part in words:
            return SnapshotFailed(message, provider=PROVIDER, category=category, status=HTTPStatus.OK)
    return SnapshotFailed(_GAVE_UP, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, status=HTTPStatus.OK)


def empty_snapshot(status: int) -> SnapshotFailed:
    """Return what a finished job without any record means."""
    return SnapshotFailed(_NOTHING, provider=PROVIDER, category=ErrorCategory.NOT_FOUND, status=status)


def lost_snapshot(status: int) -> SnapshotLost:
    """Return what a job means that the vendor no longer knows, or that it will never end."""
    return SnapshotLost(_LOST, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, status=status)


def lost_trigger(failure: ProviderError) -> TriggerLost:
    """Return what `failure` means where it took the place of a job's id."""
    return TriggerLost(failure.message, provider=PROVIDER, category=failure.category, status=failure.status)


def unreadable(status: int) -> ProviderError:
    """Return what an answer means that is not the document it should be."""
    return _error(ErrorCategory.PROVIDER_ERROR, _UNREADABLE, status, is_transient=True)


def category_of_row(record: Mapping[str, Any]) -> ErrorCategory | None:
    """Return why this row of a snapshot stands for an input that failed, or None when it is a record.

    Such rows cost nothing. There is no code for private posts: only the words tell.
    """
    code, words = record.get("error_code"), str(record.get("error") or "").lower()
    if not code and not words:
        return None
    if code == "bad_input" or "not a post url" in words:
        return ErrorCategory.INVALID_URL
    if code == "dead_page":
        return ErrorCategory.PRIVATE if "private" in words else ErrorCategory.NOT_FOUND
    return ErrorCategory.TIMEOUT if str(code).endswith("_timeout") else ErrorCategory.PROVIDER_ERROR


def _error(category: ErrorCategory, message: str, status: int, *, is_transient: bool = False) -> ProviderError:
    return ProviderError(message, provider=PROVIDER, category=category, is_transient=is_transient, status=status)
