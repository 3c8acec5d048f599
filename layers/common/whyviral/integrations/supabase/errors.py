"""Every way in which Supabase Storage says no, in our categories.

Its HTTP status is 400 for almost everything; the real one is the text `statusCode` in the body.
Source: supabase/storage, src/http/error-handler.ts and src/internal/errors/codes.ts, 2026-08.
"""

from http import HTTPStatus

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.media_store import StoredFileMissing

PROVIDER = "supabase"
SERVICE = "Our media storage"

_UNREADABLE_KEY = ("jwt", "jws", "signature")
_REFUSALS = {
    HTTPStatus.UNAUTHORIZED: (ErrorCategory.AUTH, "refused our account."),
    HTTPStatus.FORBIDDEN: (ErrorCategory.AUTH, "refused our account."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (ErrorCategory.MEDIA_ERROR, "takes no file as large as this one."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (ErrorCategory.MEDIA_ERROR, "takes no files of this type."),
}


def is_duplicate(status: int) -> bool:
    """Whether the file was there already; under a path with the content's hash it is the same file."""
    return status == HTTPStatus.CONFLICT


def is_passing_read_refusal(error: ProviderError) -> bool:
    """Whether a refused read, of which nothing has been received, may succeed in a moment."""
    is_missing = error.status == HTTPStatus.NOT_FOUND
    return is_missing or (error.status is not None and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def refusal(status: int, text: str) -> ProviderError:
    """Return what an error answer means.

    Args:
        status: the body's own `statusCode`, or the HTTP status where the body was not the storage's.
        text: its `code`, `error` and `message`; read for what the status leaves open, and never shown.
    """
    words = text.lower()
    if status == HTTPStatus.BAD_REQUEST and any(word in words for word in _UNREADABLE_KEY):
        status = HTTPStatus.UNAUTHORIZED
    if status in _REFUSALS:
        category, sentence = _REFUSALS[HTTPStatus(status)]
        return _error(category, sentence, status)
    match status:
        case HTTPStatus.NOT_FOUND if "bucket" in words:
            return _error(ErrorCategory.PROVIDER_ERROR, "lacks its bucket: run the migrations.", status)
        case HTTPStatus.NOT_FOUND:
            return StoredFileMissing(
                f"{SERVICE} no longer has this file.",
                provider=PROVIDER,
                category=ErrorCategory.PROVIDER_ERROR,
                status=status,
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _error(ErrorCategory.RATE_LIMIT, "asks us to slow down.", status, is_transient=True)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _error(ErrorCategory.PROVIDER_ERROR, "is out of order.", status, is_transient=True)
    return _error(ErrorCategory.PROVIDER_ERROR, "refused the file.", status)


def too_late() -> ProviderError:
    """Return what silence, or slowness without end, means."""
    return _error(ErrorCategory.TIMEOUT, "did not answer in time.", None, is_transient=True)


def unreachable() -> ProviderError:
    """Return what a connection that fails or breaks means."""
    return _error(ErrorCategory.PROVIDER_ERROR, "could not be reached.", None, is_transient=True)


def unreadable(status: int) -> ProviderError:
    """Return what a success without the expected body means."""
    return _error(ErrorCategory.PROVIDER_ERROR, "sent an answer that could not be read.", status, is_transient=True)


def too_large() -> ProviderError:
    """Return what a stored file over the reader's limit means."""
    return _error(ErrorCategory.MEDIA_ERROR, "holds a larger file than can be read.", HTTPStatus.OK)


def _error(category: ErrorCategory, sentence: str, status: int | None, *, is_transient: bool = False) -> ProviderError:
    return ProviderError(
        f"{SERVICE} {sentence}", provider=PROVIDER, category=category, is_transient=is_transient, status=status
    )
