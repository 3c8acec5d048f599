"""What can go wrong, in the two vocabularies our users see: API errors and error categories."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

type ErrorDetails = Sequence[Mapping[str, Any]] | Mapping[str, Any]


class ErrorCategory(StrEnum):
    """Why a URL or a request gave no analysis; the same categories for every provider."""

    RATE_LIMIT = "rate_limit"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    PRIVATE = "private"
    REMOVED = "removed"
    TIMEOUT = "timeout"
    PROVIDER_ERROR = "provider_error"
    INVALID_URL = "invalid_url"
    UNSUPPORTED = "unsupported"
    MEDIA_ERROR = "media_error"
    AI_ERROR = "ai_error"
    INTERNAL = "internal"

    @property
    def is_users_side(self) -> bool:
        """Whether the cause is the post or its URL, so that trying again changes nothing."""
        return self in _USERS_SIDE

    @property
    def may_pass(self) -> bool:
        """Whether the same may succeed at another time, because the cause is a moment or something of ours."""
        return self in _PASSING


_USERS_SIDE = frozenset(
    {
        ErrorCategory.NOT_FOUND,
        ErrorCategory.PRIVATE,
        ErrorCategory.REMOVED,
        ErrorCategory.INVALID_URL,
        ErrorCategory.UNSUPPORTED,
    }
)
_PASSING = frozenset(
    {
        ErrorCategory.RATE_LIMIT,
        ErrorCategory.AUTH,
        ErrorCategory.TIMEOUT,
        ErrorCategory.PROVIDER_ERROR,
        ErrorCategory.INTERNAL,
    }
)


class AppError(Exception):
    """An expected failure that the API renders as `{"error", "code", "request_id", "details"?}`.

    Subclasses stand beside the service that raises them, set `code` and `status_code`, and build
    `message` from the values that explain the failure. The first sentence of a subclass's docstring is
    what the API's documentation says about its code.
    """

    status_code: ClassVar[int]
    code: ClassVar[str]
    has_retry_after: ClassVar[bool] = False
    """Whether the answer carries `Retry-After`, for the documentation."""

    def __init__(
        self, message: str, *, details: ErrorDetails | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after_s = retry_after_s
        """When the same call may succeed; None: that is not known, or it never will."""
