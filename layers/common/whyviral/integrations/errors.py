"""The errors that integrations raise in place of vendor exceptions, and the answers to users whose call they end."""

from whyviral.core.errors import AppError, ErrorCategory

_RETRY_AFTER_S = 5.0


class ProviderError(Exception):
    """A call to a vendor failed.

    Attributes:
        message: a sentence that may be shown to the user; contains no secret, prompt or content.
        is_transient: whether the same call may succeed later.
        retry_after_s: the wait in seconds that the vendor asked for; None: it asked for none.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        category: ErrorCategory,
        is_transient: bool = False,
        retry_after_s: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.category = category
        self.is_transient = is_transient
        self.retry_after_s = retry_after_s
        self.status = status
        self.request_id = request_id


class ConnectionDropped(ProviderError):
    """The connection failed before an answer began; the vendor may have received the request."""


class NotConnected(ConnectionDropped):
    """The request was never sent, so it cost nothing."""


class CallThrottled(ProviderError):
    """The call was not made, and cost nothing, because of the vendor's rate limit or an open circuit breaker.

    With the category rate_limit the API key is throttled, and another key may be used instead. With provider_error the
    vendor itself is unavailable.
    """

    def __init__(self, message: str, *, provider: str, category: ErrorCategory, retry_after_s: float) -> None:
        super().__init__(message, provider=provider, category=category, is_transient=True, retry_after_s=retry_after_s)


class ProviderUnavailable(AppError):
    """A service that this call depends on does not answer, or refuses our own account."""

    status_code = 503
    code = "provider_unavailable"
    has_retry_after = True

    def __init__(self, failure: ProviderError) -> None:
        super().__init__(failure.message, retry_after_s=failure.retry_after_s or _RETRY_AFTER_S)


class ProviderRefusedUs(ProviderUnavailable):
    """A service refuses our own account, so retrying is useless until we have fixed that."""

    status_code = 502


def unavailable(failure: ProviderError) -> ProviderUnavailable:
    """Return the answer to a user whose call has failed at a vendor."""
    is_our_account = failure.category is ErrorCategory.AUTH
    return ProviderRefusedUs(failure) if is_our_account else ProviderUnavailable(failure)
