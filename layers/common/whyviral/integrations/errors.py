"""How every outside system fails, in our words."""

from whyviral.core.errors import ErrorCategory


class ProviderError(Exception):
    """A call to an outside system failed; raised by integrations in place of vendor exceptions.

    Attributes:
        message: a sentence fit for the user; holds no secret, prompt or content.
        is_transient: whether the same call may succeed later.
        retry_after_s: seconds the provider asked us to wait, where it did.
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
    """No answer began, although the vendor may have seen the request."""


class NotConnected(ConnectionDropped):
    """The request was never sent, so it cost nothing."""


class CallThrottled(ProviderError):
    """The call was not made, so it cost nothing: the provider has asked for a rest, or is being left in peace.

    A category of rate_limit is about the key, which another one may stand in for; provider_error is about the provider.
    """

    def __init__(self, message: str, *, provider: str, category: ErrorCategory, retry_after_s: float) -> None:
        super().__init__(message, provider=provider, category=category, is_transient=True, retry_after_s=retry_after_s)
