"""Dodo's refusals as exceptions, and which failed calls may have taken effect.

Source: docs.dodopayments.com/api-reference/error-codes, 2026-11.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import CallThrottled, NotConnected, ProviderError
from whyviral.integrations.http.bounded import HttpAnswer, retry_after_s
from whyviral.integrations.http.status_categories import StatusCategories, category_of_status, is_transient_status
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json

PROVIDER = "dodo"
SERVICE = "The payment service"

_CATEGORIES: StatusCategories = {HTTPStatus.NOT_FOUND: ErrorCategory.NOT_FOUND}
_MESSAGES: Mapping[ErrorCategory, str] = {
    ErrorCategory.AUTH: f"{SERVICE} refused our account.",
    ErrorCategory.NOT_FOUND: f"{SERVICE} does not know this customer, subscription or payment.",
    ErrorCategory.RATE_LIMIT: f"{SERVICE} is busy. Please try again in a moment.",
}
_MAX_CODE_LENGTH = 100


class DodoRefusal(ProviderError):
    """Dodo answered with an error, so the call had no effect unless the status is a server error.

    Attributes:
        code: Dodo's business code, such as SUBSCRIPTION_INACTIVE; None if the answer has none.
    """

    def __init__(self, message: str, *, code: str | None, **fields: Any) -> None:
        super().__init__(message, provider=PROVIDER, **fields)
        self.code = code


class UnknownAtDodo(DodoRefusal):
    """Dodo does not know the customer, subscription, payment, product or checkout."""


class SubscriptionInactive(DodoRefusal):
    """The subscription is on hold, paused or ended, so its plan cannot change."""


class CancellationScheduled(DodoRefusal):
    """The subscription ends at the next billing date, so its plan cannot change until that is undone."""


class PlanChangePending(DodoRefusal):
    """Another plan change is waiting for its payment, or is scheduled."""


class NoScheduledChange(DodoRefusal):
    """The subscription has no scheduled plan change."""


class CheckoutUsed(DodoRefusal):
    """The checkout session was paid already."""


class AlreadyRefunded(DodoRefusal):
    """The payment was refunded already."""


class RefundTooHigh(DodoRefusal):
    """The refund is larger than the payment, or than what remains of it."""


class RefundTooLate(DodoRefusal):
    """The payment is too old for a refund: 90 days."""


_CLASS_OF_CODE: Mapping[str, type[DodoRefusal]] = {
    "NOT_FOUND": UnknownAtDodo,
    "INACTIVE_SUBSCRIPTION_PLAN_CHANGE_NOT_SUPPORTED": SubscriptionInactive,
    "SUBSCRIPTION_INACTIVE": SubscriptionInactive,
    "SUBSCRIPTION_EXPIRED": SubscriptionInactive,
    "PLAN_CHANGE_NOT_ALLOWED_FOR_SCHEDULED_CANCELLATION": CancellationScheduled,
    "PREVIOUS_PAYMENT_PENDING": PlanChangePending,
    "SCHEDULED_PLAN_CHANGE_NOT_FOUND": NoScheduledChange,
    "CHECKOUT_SESSION_CONSUMED": CheckoutUsed,
    "PAYMENT_ALREADY_REFUNDED": AlreadyRefunded,
    "REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT": RefundTooHigh,
    "LINE_ITEM_REFUND_AMOUNT_TOO_HIGH": RefundTooHigh,
    "REFUND_WINDOW_EXPIRED": RefundTooLate,
}
_CLASS_OF_STATUS: Mapping[int, type[DodoRefusal]] = {
    HTTPStatus.NOT_FOUND: UnknownAtDodo,
    HTTPStatus.CONFLICT: PlanChangePending,  # of the calls we make, only change-plan conflicts
}


def refusal_of(answer: HttpAnswer, *, now: datetime) -> DodoRefusal:
    """Return the exception for an error answer."""
    category = category_of_status(answer.status, _CATEGORIES)
    code = _read_code(answer)
    kind = _CLASS_OF_CODE.get(code or "") or _CLASS_OF_STATUS.get(answer.status, DodoRefusal)
    return kind(
        _MESSAGES.get(category) or _fallback_message(answer.status),
        code=code,
        category=category,
        is_transient=is_transient_status(answer.status),
        retry_after_s=retry_after_s(answer.headers, now=now),
        status=answer.status,
    )


def may_have_taken_effect(failure: ProviderError) -> bool:
    """Whether a failed call that changes data may have changed it, so that the caller must look before it repeats it.

    Dodo documents no idempotency key. A call has certainly had no effect if it was not sent, or if Dodo refused it with
    a 4xx. A timeout, a dropped connection, a 5xx or an unreadable answer leaves the outcome open.
    """
    if isinstance(failure, (NotConnected, CallThrottled)):
        return False
    return failure.status is None or not (HTTPStatus.BAD_REQUEST <= failure.status < HTTPStatus.INTERNAL_SERVER_ERROR)


def unreadable(status: int) -> ProviderError:
    """Return the exception for an answer that does not match Dodo's specification."""
    return ProviderError(
        f"{SERVICE} sent an answer that could not be read.",
        provider=PROVIDER,
        category=ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
        status=status,
    )


def _fallback_message(status: int) -> str:
    if is_transient_status(status):
        return f"{SERVICE} is not available at the moment."
    return f"{SERVICE} did not accept the request."


def _read_code(answer: HttpAnswer) -> str | None:
    try:
        document = parse_untrusted_json(answer.body)
    except NotJson:
        return None  # the body of a 401 may be empty
    code = document.get("code") if isinstance(document, dict) else None
    return code[:_MAX_CODE_LENGTH] if isinstance(code, str) else None
