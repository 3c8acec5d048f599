"""The error of a language model's vendor, with what may help after it."""

from datetime import datetime, timedelta
from enum import Enum, auto
from http import HTTPStatus

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import CallThrottled, ProviderError

SERVICE = "The model that explains posts"
"""The model's name in messages to users, whichever vendor runs it."""


class Fallback(Enum):
    """What may help after an error."""

    NEXT_KEY = auto()
    OTHER_MODEL = auto()
    """Another model, or the same one a moment later where there is no other."""
    ASK_AGAIN = auto()
    WITHOUT_STREAM = auto()
    PLAIN_SCHEMA = auto()
    NONE = auto()


class ModelError(ProviderError):
    """One exchange gave no usable answer.

    Attributes:
        fallback: what to try next.
        key_cooldown_until: with NEXT_KEY, when this key may be used again; None: never by this process.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        category: ErrorCategory,
        fallback: Fallback = Fallback.NONE,
        is_transient: bool = False,
        status: int = HTTPStatus.OK,
        key_cooldown_until: datetime | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(
            message,
            provider=provider,
            category=category,
            is_transient=is_transient,
            retry_after_s=retry_after_s,
            status=status,
        )
        self.fallback = fallback
        self.key_cooldown_until = key_cooldown_until


def error_of_refused_call(refusal: CallThrottled, *, now: datetime) -> ModelError:
    """Return the error for a throttled call: try another key during a cooldown of this one, else another model."""
    is_cooldown = refusal.category is ErrorCategory.RATE_LIMIT
    return ModelError(
        refusal.message,
        provider=refusal.provider,
        category=refusal.category,
        fallback=Fallback.NEXT_KEY if is_cooldown else Fallback.OTHER_MODEL,
        is_transient=True,
        key_cooldown_until=now + timedelta(seconds=refusal.retry_after_s or 0.0),
        retry_after_s=refusal.retry_after_s,
    )


def empty_answer(provider: str) -> ModelError:
    """Return the error for an answer without any text."""
    return ModelError(
        f"{SERVICE} gave an answer that could not be used.",
        provider=provider,
        category=ErrorCategory.AI_ERROR,
        fallback=Fallback.ASK_AGAIN,
    )


def refused_answer(provider: str) -> ModelError:
    """Return the error for a prompt or an answer that the vendor blocked, or that the model refused."""
    return ModelError(
        f"{SERVICE} refused to answer about this post.", provider=provider, category=ErrorCategory.AI_ERROR
    )


def cut_answer(provider: str) -> ModelError:
    """Return the error for a stream that ended before the model said that its answer is complete."""
    return ModelError(
        f"{SERVICE} broke the connection.",
        provider=provider,
        category=ErrorCategory.PROVIDER_ERROR,
        fallback=Fallback.OTHER_MODEL,
        is_transient=True,
    )


def unreadable_answer(provider: str) -> ModelError:
    """Return the error for a reply that does not have the vendor's form."""
    return ModelError(
        f"{SERVICE} sent a reply that could not be read.",
        provider=provider,
        category=ErrorCategory.PROVIDER_ERROR,
        fallback=Fallback.ASK_AGAIN,
        is_transient=True,
    )


def unsupported_media(provider: str) -> ModelError:
    """Return the error for media that the model does not take; nothing was sent."""
    return ModelError(
        f"{SERVICE} does not take this kind of media.", provider=provider, category=ErrorCategory.UNSUPPORTED
    )


def slow_down(provider: str, *, status: int = HTTPStatus.TOO_MANY_REQUESTS, retry_after_s: float | None) -> ModelError:
    """Return the error for a limit that passes; without a delay from the vendor, the caller backs off."""
    return ModelError(
        f"{SERVICE} asks us to slow down.",
        provider=provider,
        category=ErrorCategory.RATE_LIMIT,
        fallback=Fallback.OTHER_MODEL,
        is_transient=True,
        status=status,
        retry_after_s=retry_after_s,
    )


def refused_account(provider: str, *, status: int) -> ModelError:
    """Return the error for a bad key, a missing right, or an account whose money or quota is used up."""
    return ModelError(f"{SERVICE} refused our account.", provider=provider, category=ErrorCategory.AUTH, status=status)


def overloaded(provider: str, *, status: int, retry_after_s: float | None = None) -> ModelError:
    """Return the error for a failure on the vendor's side."""
    return ModelError(
        f"{SERVICE} is overloaded.",
        provider=provider,
        category=ErrorCategory.PROVIDER_ERROR,
        fallback=Fallback.OTHER_MODEL,
        is_transient=True,
        status=status,
        retry_after_s=retry_after_s,
    )


def too_late(provider: str, *, status: int) -> ModelError:
    """Return the error for a vendor that gave up on the answer for its duration."""
    return ModelError(
        f"{SERVICE} did not answer in time.",
        provider=provider,
        category=ErrorCategory.TIMEOUT,
        fallback=Fallback.OTHER_MODEL,
        is_transient=True,
        status=status,
    )


def refused_question(provider: str, *, status: int, fallback: Fallback = Fallback.NONE) -> ModelError:
    """Return the error for a request that fails on every retry."""
    return ModelError(
        f"{SERVICE} refused our question.",
        provider=provider,
        category=ErrorCategory.PROVIDER_ERROR,
        fallback=fallback,
        status=status,
    )


def error_of_http_status(provider: str, status: int, *, retry_after_s: float | None) -> ModelError:
    """Return the error for a status, where the document says nothing more exact."""
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return slow_down(provider, retry_after_s=retry_after_s)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN | HTTPStatus.PAYMENT_REQUIRED:
            return refused_account(provider, status=status)
        case HTTPStatus.GATEWAY_TIMEOUT | HTTPStatus.REQUEST_TIMEOUT:
            return too_late(provider, status=status)
        case HTTPStatus.NOT_FOUND:
            return ModelError(
                f"{SERVICE} has been retired.",
                provider=provider,
                category=ErrorCategory.PROVIDER_ERROR,
                fallback=Fallback.OTHER_MODEL,
                status=status,
            )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return overloaded(provider, status=status, retry_after_s=retry_after_s)
    return refused_question(provider, status=status)


def cut_by_limit(provider: str) -> ModelError:
    """Return the error for an answer that the limit of output tokens cut."""
    return ModelError(
        f"{SERVICE} stopped in the middle of its answer.",
        provider=provider,
        category=ErrorCategory.AI_ERROR,
        fallback=Fallback.ASK_AGAIN,
    )
