"""Dodo's webhook events: their types, and the document that each one carries.

Unknown types and fields are not errors: Dodo adds both. Source: dodopayments 1.123.0, types/webhook_event_type.py and
types/*_webhook_event.py; docs.dodopayments.com, "Webhook events guide", 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints, ValidationError

from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.http.vendor_model import Lenient, VendorModel

from .documents import (
    CreditBalance,
    CreditEntry,
    CustomerRef,
    Dispute,
    Dunning,
    Id,
    Metadata,
    Moment,
    Payment,
    Refund,
    Subscription,
    british_spelling,
)


class EventType(StrEnum):
    """The types that Dodo documents; each compares equal to its text."""

    PAYMENT_SUCCEEDED = "payment.succeeded"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_PROCESSING = "payment.processing"
    PAYMENT_CANCELLED = "payment.cancelled"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_EXPIRED = "dispute.expired"
    DISPUTE_ACCEPTED = "dispute.accepted"
    DISPUTE_CANCELLED = "dispute.cancelled"
    DISPUTE_CHALLENGED = "dispute.challenged"
    DISPUTE_WON = "dispute.won"
    DISPUTE_LOST = "dispute.lost"
    SUBSCRIPTION_ACTIVE = "subscription.active"
    SUBSCRIPTION_RENEWED = "subscription.renewed"
    SUBSCRIPTION_ON_HOLD = "subscription.on_hold"
    SUBSCRIPTION_PAST_DUE = "subscription.past_due"
    SUBSCRIPTION_PAUSED = "subscription.paused"
    SUBSCRIPTION_UNPAUSED = "subscription.unpaused"
    SUBSCRIPTION_CANCELLED = "subscription.cancelled"
    SUBSCRIPTION_FAILED = "subscription.failed"
    SUBSCRIPTION_EXPIRED = "subscription.expired"
    SUBSCRIPTION_PLAN_CHANGED = "subscription.plan_changed"
    SUBSCRIPTION_UPDATED = "subscription.updated"
    SUBSCRIPTION_UPDATE_PAYMENT_METHOD = "subscription.update_payment_method"
    LICENSE_KEY_CREATED = "license_key.created"
    PAYOUT_CREATED = "payout.created"
    PAYOUT_ON_HOLD = "payout.on_hold"
    PAYOUT_IN_PROGRESS = "payout.in_progress"
    PAYOUT_FAILED = "payout.failed"
    PAYOUT_SUCCESS = "payout.success"
    CREDIT_ADDED = "credit.added"
    CREDIT_DEDUCTED = "credit.deducted"
    CREDIT_EXPIRED = "credit.expired"
    CREDIT_ROLLED_OVER = "credit.rolled_over"
    CREDIT_ROLLOVER_FORFEITED = "credit.rollover_forfeited"
    CREDIT_OVERAGE_CHARGED = "credit.overage_charged"
    CREDIT_OVERAGE_RESET = "credit.overage_reset"
    CREDIT_MANUAL_ADJUSTMENT = "credit.manual_adjustment"
    CREDIT_BALANCE_LOW = "credit.balance_low"
    ABANDONED_CHECKOUT_DETECTED = "abandoned_checkout.detected"
    ABANDONED_CHECKOUT_RECOVERED = "abandoned_checkout.recovered"
    DUNNING_STARTED = "dunning.started"
    DUNNING_RECOVERED = "dunning.recovered"
    ENTITLEMENT_GRANT_CREATED = "entitlement_grant.created"
    ENTITLEMENT_GRANT_DELIVERED = "entitlement_grant.delivered"
    ENTITLEMENT_GRANT_FAILED = "entitlement_grant.failed"
    ENTITLEMENT_GRANT_REVOKED = "entitlement_grant.revoked"


type Document = Subscription | Payment | Refund | Dispute | CreditEntry | CreditBalance | Dunning

_SHAPES: Mapping[str, type[Document]] = {
    "subscription": Subscription,
    "payment": Payment,
    "refund": Refund,
    "dispute": Dispute,
    "credit": CreditEntry,
    "dunning": Dunning,
}
"""By the first part of a type; the other types change nothing here and have no shape."""


class UnreadableEvent(Exception):
    """The body is not an event of Dodo's; the error message quotes nothing of it."""


class _Ids(VendorModel):
    subscription_id: Lenient[Id] = None
    payment_id: Lenient[Id] = None
    customer_id: Lenient[Id] = None
    customer: Lenient[CustomerRef] = None
    metadata: Lenient[Metadata] = None


class _Envelope(VendorModel):
    type: Annotated[str, BeforeValidator(british_spelling), StringConstraints(pattern=r"^[A-Za-z0-9_.]{1,100}$")]
    timestamp: Moment
    business_id: Lenient[Id] = None
    data: _Ids


@dataclass(frozen=True, slots=True)
class EventEnvelope:
    """What the inbox needs to know about an event of any type."""

    type: str
    """Dodo's type, with `canceled` spelled `cancelled`."""
    occurred_at: datetime
    subscription_id: str | None
    payment_id: str | None
    customer_id: str | None
    metadata: Mapping[str, str | bool | int | float]
    """The metadata of the object; empty if it has none."""
    payload: dict[str, Any]
    """The whole event, as it was sent."""

    @property
    def is_known(self) -> bool:
        """Whether Dodo documents the type."""
        return self.type in _KNOWN_TYPES


_KNOWN_TYPES = frozenset(EventType)


def read_envelope(body: bytes) -> EventEnvelope:
    """Return the envelope of an event, from a body whose signature was verified.

    Raises:
        UnreadableEvent: the body is not an event.
    """
    try:
        payload = parse_untrusted_json(body)
    except NotJson:
        raise UnreadableEvent("not JSON") from None
    return envelope_of(payload)


def envelope_of(payload: Any) -> EventEnvelope:
    """Return the envelope of an event that was parsed already.

    Raises:
        UnreadableEvent: the value is not an event.
    """
    try:
        envelope = _Envelope.model_validate(payload)
    except ValidationError:
        raise UnreadableEvent("not an event of Dodo") from None
    ids = envelope.data
    return EventEnvelope(
        type=envelope.type,
        occurred_at=envelope.timestamp,
        subscription_id=ids.subscription_id,
        payment_id=ids.payment_id,
        customer_id=ids.customer_id or (ids.customer.customer_id if ids.customer else None),
        metadata=ids.metadata or {},
        payload=payload,
    )


def document_of(event: EventEnvelope) -> Document | None:
    """Return the document that an event carries; None for types without effect and for unknown ones.

    Raises:
        UnreadableEvent: the type is known but the document does not match it.
    """
    if not event.is_known:
        return None
    shape = CreditBalance if event.type == EventType.CREDIT_BALANCE_LOW else _SHAPES.get(event.type.partition(".")[0])
    if shape is None:
        return None
    try:
        return shape.model_validate(event.payload["data"])
    except ValidationError:
        raise UnreadableEvent(f"the document of {event.type} cannot be read") from None
