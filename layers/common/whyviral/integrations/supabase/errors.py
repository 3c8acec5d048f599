"""The translation of Supabase Storage's errors into ours.

The HTTP status is 400 for almost every error; the real status is the text `statusCode` in the body.
Source: supabase/storage, src/http/error-handler.ts and src/internal/errors/codes.ts, 2026-08.
"""

from collections.abc import Mapping
from http import HTTPStatus

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.status_categories import StatusCategories, category_of_status, is_transient_status
from whyviral.integrations.ports.media_store import StoredFileMissing

PROVIDER = "supabase"
SERVICE = "Our media storage"

_INVALID_KEY = ("jwt", "jws", "signature")
_CATEGORIES: StatusCategories = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ErrorCategory.MEDIA_ERROR,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ErrorCategory.MEDIA_ERROR,
}
_SENTENCES: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "no longer has this file.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "does not accept files as large as this one.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "does not accept files of this type.",
}
"""The message for a status, without its subject; other statuses have the message of their category."""


def is_duplicate(status: int) -> bool:
    """Whether the file already exists; since its path contains a hash of the content, it is the same file."""
    return status == HTTPStatus.CONFLICT


def is_transient_read_error(error: ProviderError) -> bool:
    """Whether a read that was refused before any data arrived may succeed a moment later."""
    is_missing = error.status == HTTPStatus.NOT_FOUND
    return is_missing or (error.status is not None and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def refusal(status: int, text: str) -> ProviderError:
    """Return the error that an error answer means.

    Args:
        status: the body's `statusCode`, or the HTTP status if the body is not the storage's own.
        text: the answer's `code`, `error` and `message`. It is searched for details that the status lacks, and is
            never shown to users.
    """
    text = text.lower()
    if status == HTTPStatus.BAD_REQUEST and any(word in text for word in _INVALID_KEY):
        status = HTTPStatus.UNAUTHORIZED
    if status == HTTPStatus.NOT_FOUND and "bucket" not in text:
        return StoredFileMissing(
            f"{SERVICE} no longer has this file.",
            provider=PROVIDER,
            category=ErrorCategory.PROVIDER_ERROR,
            status=status,
        )
    is_transient = is_transient_status(status)
    match category_of_status(status, _CATEGORIES):
        case ErrorCategory.AUTH as category:
            sentence = "refused our account."
        case ErrorCategory.RATE_LIMIT as category:
            sentence = "asks us to slow down."
        case category if status == HTTPStatus.NOT_FOUND and "bucket" in text:
            sentence = "lacks its bucket: run the migrations."
        case category:
            default = "is not available at the moment." if is_transient else "refused the file."
            sentence = _SENTENCES.get(status, default)
    return _error(category, sentence, status, is_transient=is_transient)


def too_late() -> ProviderError:
    """Return the error of a timeout."""
    return _error(ErrorCategory.TIMEOUT, "did not answer in time.", None, is_transient=True)


def unreachable() -> ProviderError:
    """Return the error of a connection that could not be made or was lost."""
    return _error(ErrorCategory.PROVIDER_ERROR, "could not be reached.", None, is_transient=True)


def unreadable(status: int) -> ProviderError:
    """Return the error of a successful answer without the expected body."""
    return _error(ErrorCategory.PROVIDER_ERROR, "sent an answer that could not be read.", status, is_transient=True)


def too_large() -> ProviderError:
    """Return the error of a stored file that exceeds the reader's size limit."""
    return _error(ErrorCategory.MEDIA_ERROR, "holds a file that is too large to read.", HTTPStatus.OK)


def _error(category: ErrorCategory, sentence: str, status: int | None, *, is_transient: bool = False) -> ProviderError:
    return ProviderError(
        f"{SERVICE} {sentence}", provider=PROVIDER, category=category, is_transient=is_transient, status=status
    )
