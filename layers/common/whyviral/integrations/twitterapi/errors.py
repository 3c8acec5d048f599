"""Maps every refusal of TwitterAPI.io to our error categories. Source: docs.twitterapi.io."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.bounded import HttpAnswer, retry_after_s

PROVIDER = "twitterapi"
SERVICE = "The source of X posts"
NOT_FOUND = "X shows no public post at this address: it may be deleted or protected, or its account suspended."
PRIVATE = "The account that wrote this post is protected."
REMOVED = "This post is gone: its account is suspended or no longer exists."

NOT_AN_ID = "X has no posts with an id like this one."

WRONG_POST = f"{SERVICE} sent another post than the requested one; try again."
_UNREADABLE = f"{SERVICE} sent an answer that could not be read; try again."
_NO_CREDIT = f"{SERVICE} is out of credit."
_DEFAULT_WAIT_S = 5.0
"""A key without credit may call once in 5 s. Source: twitterapi.io/qps-limits, 2025-12."""
_OUT_OF_CREDIT = "credits is not enough"


class UnreadableAnswer(ProviderError):
    """The answer was a success by its status and may be billed, so it is retried once only."""


def find_refusal(answer: HttpAnswer, document: Any, *, now: datetime, expected: str = "tweets") -> ProviderError | None:
    """Return the error in `answer`, or None if it contains what was requested.

    An error with a category on the user's side is about the requested posts; any other is about the call.

    Args:
        answer: the answer.
        document: its parsed body; None if it is not JSON.
        now: the time against which a date in `Retry-After` is measured.
        expected: the field with the content: `tweets`, a list, or `data`, an object.
    """
    text = _text_of(document)
    if answer.status == HTTPStatus.OK:
        return _refusal_in_document(document, text, expected)
    error = _refusal_of_status(answer.status, text)
    if error.is_transient:
        error.retry_after_s = retry_after_s(answer.headers, now=now)
    if error.category is ErrorCategory.RATE_LIMIT and error.retry_after_s is None:
        error.retry_after_s = _DEFAULT_WAIT_S
    return error


def unreadable() -> UnreadableAnswer:
    """Return the error of a successful answer without the expected content."""
    category = ErrorCategory.PROVIDER_ERROR
    return UnreadableAnswer(_UNREADABLE, provider=PROVIDER, category=category, status=HTTPStatus.OK)


def _refusal_of_status(status: int, text: str) -> ProviderError:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return _error(ErrorCategory.AUTH, f"{SERVICE} refused our account.", status)
        case _ if status == HTTPStatus.PAYMENT_REQUIRED or _OUT_OF_CREDIT in text:
            return _error(ErrorCategory.AUTH, _NO_CREDIT, status)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _error(ErrorCategory.RATE_LIMIT, f"{SERVICE} asks us to slow down.", status, is_transient=True)
        case HTTPStatus.BAD_REQUEST if "tweet_id" in text or "tweetid" in text:
            return _error(ErrorCategory.INVALID_URL, NOT_AN_ID, status)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _error(
                ErrorCategory.PROVIDER_ERROR, f"{SERVICE} is unavailable at the moment.", status, is_transient=True
            )
    return _error(ErrorCategory.PROVIDER_ERROR, f"{SERVICE} rejected our request.", status)


def _refusal_in_document(document: Any, text: str, expected: str) -> ProviderError | None:
    if not isinstance(document, Mapping):
        return unreadable()
    if document.get("status") != "error":
        return None if isinstance(document.get(expected), list if expected == "tweets" else Mapping) else unreadable()
    if _OUT_OF_CREDIT in text:
        return _error(ErrorCategory.AUTH, _NO_CREDIT)
    for word, category, message in (
        ("not found", ErrorCategory.NOT_FOUND, NOT_FOUND),
        ("protected", ErrorCategory.PRIVATE, PRIVATE),
        ("suspended", ErrorCategory.REMOVED, REMOVED),
    ):
        if word in text:
            return _error(category, message)
    return _error(ErrorCategory.PROVIDER_ERROR, f"{SERVICE} reported an error.", is_transient=True)


def _text_of(document: Any) -> str:
    """Return the vendor's message in lower case, from any of its four envelopes; it is never shown to users."""
    if not isinstance(document, Mapping):
        return ""
    words = next((words for name in ("message", "msg", "detail", "error") if (words := document.get(name))), "")
    return str(words).lower()


def _error(
    category: ErrorCategory, message: str, status: int = HTTPStatus.OK, *, is_transient: bool = False
) -> ProviderError:
    return ProviderError(message, provider=PROVIDER, category=category, is_transient=is_transient, status=status)
