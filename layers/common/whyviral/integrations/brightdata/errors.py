"""The translation of Bright Data's errors into ours.

Source: docs.brightdata.com, "Error codes" and "Monitor progress"; the texts as recorded in 2026-09.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.bounded import HttpAnswer, retry_after_s
from whyviral.integrations.http.status_categories import category_of_status, is_transient_status
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json

PROVIDER = "brightdata"
SERVICE = "The scraping service"

_ACCOUNT = f"{SERVICE} refused our account."
_REQUEST = f"{SERVICE} refused our request."
_DATASET = f"{SERVICE} does not offer us posts of this kind."
_ADDRESS = "The platform has no posts with an address like this one."
_NOTHING = "The platform shows no public post at this address."
_LOST = f"{SERVICE} lost its job for this post; try again."
LOST_AGAIN = f"{SERVICE} lost its job for this post twice; trying again starts a new one."
"""After this, no job for the post is started automatically: each further one needs a retry by the user."""
BEGUN_UNSEEN = f"{SERVICE} did not confirm that it started a job for this post; trying again starts a new one."
_GAVE_UP = f"{SERVICE} could not read this post; try again."
_SLOW_DOWN = f"{SERVICE} asks us to slow down."
_UNAVAILABLE = f"{SERVICE} is not available at the moment."
_UNREADABLE = f"{SERVICE} sent an answer that could not be read."


class SnapshotLost(ProviderError):
    """The vendor no longer knows the job, or will never finish it; only a new job can help."""


class SnapshotFailed(ProviderError):
    """The job has ended without a record; its category says why, and polling it again cannot help."""


class TriggerLost(ProviderError):
    """It is unknown whether the job was started. A second job might be billed as well, so only the user may retry."""


_MAX_ERROR_BYTES = 10_000
"""The part of an error answer that is searched for known texts."""

type _Meaning = tuple[str, ErrorCategory, str]
"""A part of the vendor's text in lower case, the category that it means, and the message to the user."""

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
_JOB_FAILURES: Sequence[_Meaning] = (
    *_ACCOUNT_WORDS,
    ("no data found in discovery", ErrorCategory.NOT_FOUND, _NOTHING),
    ("snapshot is empty", ErrorCategory.NOT_FOUND, _NOTHING),
    ("input validation failed", ErrorCategory.INVALID_URL, _ADDRESS),
)
_MESSAGES: Mapping[ErrorCategory, str] = {ErrorCategory.AUTH: _ACCOUNT, ErrorCategory.RATE_LIMIT: _SLOW_DOWN}
"""The message for the category of a status."""


def find_refusal(answer: HttpAnswer, *, now: datetime) -> ProviderError | None:
    """Return the error that `answer` means; None if its status is a success.

    Args:
        answer: the answer.
        now: the current time, for a date in `Retry-After`.
    """
    if httpx.codes.is_success(answer.status):
        return None
    text = answer.body[:_MAX_ERROR_BYTES].decode(errors="replace").lower()
    error = _error_of_text(answer.status, text) or _error_of_status(answer.status, answer.body)
    if error.is_transient:
        error.retry_after_s = retry_after_s(answer.headers, now=now)
    return error


def _error_of_text(status: int, text: str) -> ProviderError | None:
    if "snapshot does not exist" in text or "snapshot is expired" in text:
        return snapshot_lost(status)
    if "snapshot is empty" in text:
        return snapshot_empty(status)
    if "dataset is not ready yet" in text:
        return _error(ErrorCategory.PROVIDER_ERROR, _UNAVAILABLE, status, is_transient=True)
    for part, category, message in _REFUSALS:
        if part in text:
            return _error(category, message, status)
    return None


def _error_of_status(status: int, body: bytes) -> ProviderError:
    if status == HTTPStatus.BAD_REQUEST and _is_about_url(body):
        return _error(ErrorCategory.INVALID_URL, _ADDRESS, status)
    category, is_transient = category_of_status(status), is_transient_status(status)
    message = _MESSAGES.get(category, _UNAVAILABLE if is_transient else _REQUEST)
    return _error(category, message, status, is_transient=is_transient)


def _is_about_url(body: bytes) -> bool:
    try:
        document = parse_untrusted_json(body)
    except NotJson:
        return False
    if not isinstance(document, Mapping) or document.get("code") != "validation_error":
        return False
    errors = document.get("errors")
    return isinstance(errors, list) and any(isinstance(error, list) and error[:1] == ["url"] for error in errors)


def job_failed(error_message: object) -> SnapshotFailed:
    """Return the error of a job whose progress is failed or canceled."""
    text = str(error_message).lower()
    for part, category, message in _JOB_FAILURES:
        if part in text:
            return SnapshotFailed(message, provider=PROVIDER, category=category, status=HTTPStatus.OK)
    return SnapshotFailed(_GAVE_UP, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, status=HTTPStatus.OK)


def snapshot_empty(status: int) -> SnapshotFailed:
    """Return the error of a finished job without records."""
    return SnapshotFailed(_NOTHING, provider=PROVIDER, category=ErrorCategory.NOT_FOUND, status=status)


def snapshot_lost(status: int) -> SnapshotLost:
    """Return the error of a job that the vendor no longer knows or will never finish."""
    return SnapshotLost(_LOST, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, status=status)


def trigger_lost(failure: ProviderError) -> TriggerLost:
    """Return the error of a trigger call that failed without saying whether the job was started."""
    return TriggerLost(failure.message, provider=PROVIDER, category=failure.category, status=failure.status)


def unreadable(status: int) -> ProviderError:
    """Return the error of an answer without the expected document."""
    return _error(ErrorCategory.PROVIDER_ERROR, _UNREADABLE, status, is_transient=True)


def category_of_row(record: Mapping[str, Any]) -> ErrorCategory | None:
    """Return the category of a snapshot row that reports a failed input; None if the row is a record.

    Rows of failed inputs are free. There is no error code for private posts, so only the text identifies them.
    """
    code, text = record.get("error_code"), str(record.get("error") or "").lower()
    if not code and not text:
        return None
    if code == "bad_input" or "not a post url" in text:
        return ErrorCategory.INVALID_URL
    if code == "dead_page":
        return ErrorCategory.PRIVATE if "private" in text else ErrorCategory.NOT_FOUND
    return ErrorCategory.TIMEOUT if str(code).endswith("_timeout") else ErrorCategory.PROVIDER_ERROR


def _error(category: ErrorCategory, message: str, status: int, *, is_transient: bool = False) -> ProviderError:
    return ProviderError(message, provider=PROVIDER, category=category, is_transient=is_transient, status=status)
