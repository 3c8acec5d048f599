"""The records of the payment service: products, customers, checkouts, subscriptions, payments, refunds and so on."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

type Metadata = dict[str, str | bool | int | float]


class Outcome(StrEnum):
    """How a charge ends, or a checkout that the customer leaves."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PROCESSING = "processing"
    CANCELLED = "cancelled"


class Status(StrEnum):
    """The status of a subscription."""

    PENDING = "pending"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    PAUSED = "paused"
    PAST_DUE = "past_due"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"


ENDED = (Status.CANCELLED, Status.FAILED, Status.EXPIRED)
OWING = (Status.ON_HOLD, Status.PAST_DUE)


@dataclass(slots=True)
class Product:
    """A monthly subscription product."""

    product_id: str
    name: str
    price_cents: int
    currency: str = "USD"


@dataclass(slots=True)
class Card:
    """A customer's saved card, and how charges to it end."""

    payment_method_id: str
    last_four: str = "4242"
    network: str = "visa"
    kind: str = "credit"
    exp_month: str = "08"
    exp_year: str = "2029"
    holder: str | None = None
    outcome: Outcome = Outcome.SUCCEEDED


@dataclass(slots=True)
class Customer:
    """A customer."""

    customer_id: str
    email: str
    name: str
    created_at: datetime
    card: Card
    metadata: Metadata = field(default_factory=dict)
    phone_number: str | None = None


@dataclass(slots=True)
class Checkout:
    """A checkout session; used up by its first payment that is not refused."""

    session_id: str
    product_id: str
    created_at: datetime
    email: str
    name: str
    return_url: str | None
    cancel_url: str | None
    customer_id: str | None = None
    metadata: Metadata = field(default_factory=dict)
    payment_id: str | None = None
    """The last attempt to pay."""


@dataclass(slots=True)
class ScheduledChange:
    """A plan change that is applied at the next billing date."""

    id: str
    product_id: str
    created_at: datetime
    effective_at: datetime
    mode: str
    keeps_plan_on_failure: bool


@dataclass(slots=True)
class Subscription:
    """A monthly subscription."""

    subscription_id: str
    customer_id: str
    product_id: str
    amount_cents: int
    currency: str
    created_at: datetime
    previous_billing_at: datetime
    next_billing_at: datetime
    expires_at: datetime
    anchor_day: int
    payment_method_id: str
    status: Status = Status.PENDING
    metadata: Metadata = field(default_factory=dict)
    cancel_at_next_billing_date: bool = False
    cancelled_at: datetime | None = None
    paused_at: datetime | None = None
    past_due_ends_at: datetime | None = None
    scheduled_change: ScheduledChange | None = None
    pending_payment_id: str | None = None
    """The payment of a plan change that is still processing."""
    credit_cents: int = 0
    """Left over from a change to a cheaper plan; pays a part of later renewals."""
    attempts: int = 0
    """The number of repeated charges since a renewal failed."""
    next_attempt_at: datetime | None = None


@dataclass(slots=True)
class PlanChange:
    """What happens when the payment of a plan change succeeds."""

    product_id: str
    starts_at: datetime
    ends_at: datetime
    credit_cents: int = 0


@dataclass(slots=True)
class Payment:
    """A payment, whose card facts are those at its time."""

    payment_id: str
    customer_id: str
    subscription_id: str
    product_id: str
    charge_type: str
    total_cents: int
    tax_cents: int
    currency: str
    created_at: datetime
    updated_at: datetime
    status: Outcome
    card: Card
    metadata: Metadata
    checkout_session_id: str | None = None
    retry_attempt: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    change: PlanChange | None = None
    invoice_id: str | None = None


@dataclass(slots=True)
class Refund:
    """A refund of a payment."""

    refund_id: str
    payment_id: str
    amount_cents: int
    currency: str
    is_partial: bool
    status: str
    created_at: datetime
    reason: str | None = None
    metadata: Metadata = field(default_factory=dict)


@dataclass(slots=True)
class Dispute:
    """A customer's objection to a payment at their bank."""

    dispute_id: str
    payment_id: str
    amount_cents: int
    currency: str
    status: str
    created_at: datetime
    stage: str = "dispute"
    reason: str | None = None


@dataclass(slots=True)
class CreditEntry:
    """One change of a customer's credits, which are units of a product and not money."""

    id: str
    customer_id: str
    kind: str
    is_credit: bool
    amount: int
    balance_before: int
    balance_after: int
    created_at: datetime
