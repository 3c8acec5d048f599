"""The errors that integrations raise in place of vendor exceptions."""

from whyviral.core.errors import ErrorCategory


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
