"""The base of API errors, and the categories that say why a URL or a request has no analysis.

Every expected failure belongs to one of two trees. Each class is defined beside the code that raises it.

`AppError` is what the API answers with:

    AppError
    ├── accounts.service          AccountDeleted, SessionRevoked, NoCurrentPlan, NoCurrentSubscription,
    │                             VerifiedEmailRequired
    ├── accounts.sign_in          InvalidCredentials, InvalidCode, EmailRefused, PasswordRefused
    │   └── SignInRefused         AccountBanned, AccountLocked, TwoFactorRequired, EmailNotVerified
    ├── analysis.service          RequestNotFound, PostAnalysisNotFound
    ├── analysis.admission        InvalidPostUrls, TooManyUrls, PlanUrlLimitExceeded, SpendLimitReached,
    │                             FreeShareReached, PlatformUnavailable
    ├── analysis.suggestions.service
    │                             SuggestionNotFound, InvalidFollowUpUrl, FollowUpIsOriginal
    ├── analysis.retry
    │   └── _RetryRefused         AnalysisStillRunning, AnalysisComplete, RetriesUsedUp
    ├── chat.service              SessionNotFound, MessageNotFound, AnalysisNotReady, AnswerFailed
    ├── chat.admission            ChatBusy, ClientMessageIdReused
    ├── notes.service             NoteNotFound, NoteChanged
    ├── usage.service             UsageLimitReached
    ├── usage.questions           QuestionLimitReached
    ├── billing.refusals          PlanNotFound, AlreadyOnPlan, AlreadySubscribed, NoPaidSubscription, PaymentOnHold,
    │                             SubscriptionEnding, NothingToCancel, NothingToUndo, CheckoutInProgress,
    │                             PlanChangeInProgress, EmailNeeded, NoBillingAccount, InvoiceNotFound
    ├── webhooks.outgoing.service WebhookEndpointNotFound, WebhookDeliveryNotFound, WebhookUrlRefused,
    │                             TooManyWebhookEndpoints, WebhookEndpointDisabled
    ├── throttling.rate_limits    RateLimited
    ├── throttling.idempotency    IdempotencyKeyReused, CallStillRunning
    ├── accounts.bearer_tokens    NotAuthenticated
    ├── core.request_errors       UnknownHost, BodyTooLarge, InternalError, DatabaseUnavailable
    ├── integrations.errors
    │   └── ProviderUnavailable   ProviderRefusedUs
    └── functions/api             InvalidToken, ImpersonationNotAllowed, MethodNotAllowed, BodyNotJson, InvalidRequest
        └── NothingHere           NotAdministrator

`ProviderError` is a failed call to a vendor. Its category is what the user sees:

    ProviderError                 (integrations.errors)
    ├── CallThrottled
    ├── ConnectionDropped
    │   └── NotConnected
    ├── brightdata.errors         SnapshotLost, SnapshotFailed, TriggerLost
    ├── clerk.api_call            ClerkRefusal
    ├── dodo.errors               DodoRefusal and its subclasses, one for each code that we handle
    ├── http.streamed             StreamBroken
    ├── language_models.errors    ModelError
    │   └── gemini.errors         GeminiError
    ├── twitterapi.errors         UnreadableAnswer
    ├── youtube.errors            YouTubeBlocked
    └── vendor_calls.ledger       OwnerSuperseded, OwnerBudgetSpent, DayBudgetSpent
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

type ErrorDetails = Sequence[Mapping[str, Any]] | Mapping[str, Any]


class ErrorCategory(StrEnum):
    """The reason why a URL or a request has no analysis; all vendors share these categories."""

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
        """Whether the cause is the post or its URL, so that a retry cannot help."""
        return self in _USERS_SIDE

    @property
    def may_pass(self) -> bool:
        """Whether a later retry may succeed, because the cause is temporary or on our side."""
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

    A subclass is defined beside the service that raises it. It sets `code` and `status_code`, and builds `message`
    from the values that explain the failure. The API's documentation describes the code with the first sentence of
    the subclass's docstring.
    """

    status_code: ClassVar[int]
    code: ClassVar[str]
    has_retry_after: ClassVar[bool] = False
    """Whether the response carries `Retry-After`; the API's documentation reads this."""

    def __init__(
        self, message: str, *, details: ErrorDetails | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after_s = retry_after_s
        """Seconds until the same call may succeed; None: unknown, or it never will."""
