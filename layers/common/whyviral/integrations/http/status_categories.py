"""The error category of each HTTP status; a vendor whose statuses mean something else passes overrides."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from whyviral.core.errors import ErrorCategory

type StatusCategories = Mapping[int, ErrorCategory]

_CATEGORIES: StatusCategories = {
    HTTPStatus.UNAUTHORIZED: ErrorCategory.AUTH,
    HTTPStatus.PAYMENT_REQUIRED: ErrorCategory.AUTH,
    HTTPStatus.FORBIDDEN: ErrorCategory.AUTH,
    HTTPStatus.TOO_MANY_REQUESTS: ErrorCategory.RATE_LIMIT,
}
_NO_OVERRIDES: StatusCategories = MappingProxyType({})


def category_of_status(status: int, overrides: StatusCategories = _NO_OVERRIDES) -> ErrorCategory:
    """Return the category of an error status: the vendor's override, else the shared one, else provider_error."""
    return overrides.get(status) or _CATEGORIES.get(status, ErrorCategory.PROVIDER_ERROR)


def is_transient_status(status: int) -> bool:
    """Whether the same request may succeed later: it was throttled, or the server failed."""
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
