"""Dodo's documents in answers and webhooks: customers, subscriptions, payments, refunds, disputes and credits.

Only the fields that we use are listed, and only those that Dodo always sends are required. Statuses stay strings,
because Dodo adds values; the enums below name the known ones and compare equal to them. Amounts are integers in the
smallest unit of their currency.

Source: dodopayments 1.123.0, types/; docs.dodopayments.com, "Webhook events guide", 2026-11.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from whyviral.integrations.http.vendor_model import Lenient, VendorModel


class SubscriptionState(StrEnum):
    """Dodo's status of a subscription."""

    PENDING = "pending"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    PAUSED = "paused"
    PAST_DUE = "past_due"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"


class PaymentState(StrEnum):
    """Dodo's status of a payment."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PROCESSING = "processing"
    REQUIRES_CUSTOMER_ACTION = "requires_customer_action"
    REQUIRES_MERCHANT_ACTION = "requires_merchant_action"
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_CAPTURE = "requires_capture"
    PARTIALLY_CAPTURED = "partially_captured"
    PARTIALLY_CAPTURED_AND_CAPTURABLE = "partially_captured_and_capturable"


class RefundState(StrEnum):
    """Dodo's status of a refund."""

    PENDING = "pending"
    REVIEW = "review"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DisputeState(StrEnum):
    """Dodo's status of a dispute."""

    OPENED = "dispute_opened"
    EXPIRED = "dispute_expired"
    ACCEPTED = "dispute_accepted"
    CANCELLED = "dispute_cancelled"
    CHALLENGED = "dispute_challenged"
    WON = "dispute_won"
    LOST = "dispute_lost"


class ChargeType(StrEnum):
    """What a payment of a subscription is for."""

    NEW = "new"
    RENEWAL = "renewal"
    PLAN_CHANGE = "plan_change"
    ON_DEMAND = "on_demand"


def british_spelling(value: Any) -> Any:
    """Return a text with `canceled` spelled as Dodo does; other values are returned unchanged."""
    return value.replace("canceled", "cancelled") if isinstance(value, str) else value


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


type Id = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]
type Text = Annotated[str, Field(max_length=3_000)]
type Status = Annotated[
    str, BeforeValidator(british_spelling), StringConstraints(pattern=r"^[a-z0-9_]{1,100}$", strip_whitespace=True)
]
type Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
type Cents = Annotated[int, Field(strict=True, ge=0, le=10**12)]
type Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
type Metadata = Annotated[Mapping[str, str | bool | int | float], Field(max_length=50)]
"""Our own notes on an object; the values that we write are strings."""


def _cents_of_text(value: Any) -> Any:
    """Return the whole number that a text such as "3625" or "3625.00" stands for; other values are unchanged."""
    if not isinstance(value, str) or not value.replace(".", "", 1).isdecimal() or not value.isascii():
        return value
    amount = Decimal(value)
    return int(amount) if amount == amount.to_integral_value() else value


class CustomerRef(VendorModel):
    """The customer inside another document."""

    customer_id: Id
    email: Lenient[Text] = None
    name: Lenient[Text] = None
    metadata: Lenient[Metadata] = None


class Customer(CustomerRef):
    """A customer."""

    created_at: Lenient[Moment] = None


class Card(VendorModel):
    """The facts of a saved card."""

    last4_digits: Lenient[Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]] = None
    card_network: Lenient[Annotated[str, StringConstraints(to_lower=True, max_length=50)]] = None
    card_type: Lenient[Annotated[str, StringConstraints(to_lower=True, max_length=50)]] = None
    card_holder_name: Lenient[Text] = None
    expiry_month: Lenient[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,2}$")]] = None
    expiry_year: Lenient[Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]] = None


class PaymentMethod(VendorModel):
    """A saved way of paying; the card's facts are None for other ways."""

    payment_method_id: Id
    payment_method: Lenient[Status] = None
    card: Lenient[Card] = None
    last_used_at: Lenient[Moment] = None
    recurring_enabled: Lenient[bool] = None


class ScheduledChange(VendorModel):
    """A plan change that Dodo applies at the next billing date."""

    id: Lenient[Id] = None
    product_id: Id
    quantity: Lenient[int] = None
    effective_at: Moment
    created_at: Lenient[Moment] = None


class Subscription(VendorModel):
    """A subscription in full; list items are a subset of the same fields."""

    subscription_id: Id
    status: Status
    product_id: Id
    quantity: Lenient[int] = None
    customer: CustomerRef
    currency: Currency
    recurring_pre_tax_amount: Cents
    created_at: Moment
    previous_billing_date: Moment
    """The start of the current period."""
    next_billing_date: Moment
    """The end of the current period."""
    expires_at: Lenient[Moment] = None
    cancel_at_next_billing_date: bool
    cancelled_at: Lenient[Moment] = None
    paused_at: Lenient[Moment] = None
    past_due_ends_at: Lenient[Moment] = None
    """The end of the grace period, in webhooks about a subscription that is past due."""
    payment_id: Lenient[Id] = None
    """The payment of the new period, in `subscription.renewed` only."""
    payment_method_id: Lenient[Id] = None
    has_payment_method: Lenient[bool] = None
    trial_period_days: Lenient[int] = None
    scheduled_change: ScheduledChange | None = None
    metadata: Lenient[Metadata] = None


class ServicePeriod(VendorModel):
    """The time that a payment pays for."""

    subscription_id: Id
    starts_at: Moment
    ends_at: Moment


class Payment(VendorModel):
    """A payment in full; list items are a subset of the same fields."""

    payment_id: Id
    status: Lenient[Status] = None
    """None: Dodo allows a payment without a status; it has not been made yet."""
    total_amount: Cents
    """The charge including tax."""
    tax: Lenient[Cents] = None
    currency: Currency
    created_at: Moment
    updated_at: Lenient[Moment] = None
    customer: CustomerRef
    subscription_id: Lenient[Id] = None
    charge_type: Lenient[Status] = None
    retry_attempt: Lenient[int] = None
    service_periods: Lenient[Sequence[ServicePeriod]] = None
    checkout_session_id: Lenient[Id] = None
    invoice_id: Lenient[Id] = None
    refund_status: Lenient[Status] = None
    error_code: Lenient[Text] = None
    error_message: Lenient[Text] = None
    payment_method: Lenient[Status] = None
    payment_method_id: Lenient[Id] = None
    card_last_four: Lenient[Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]] = None
    card_network: Lenient[Annotated[str, StringConstraints(to_lower=True, max_length=50)]] = None
    card_type: Lenient[Annotated[str, StringConstraints(to_lower=True, max_length=50)]] = None
    card_exp_month: Lenient[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,2}$")]] = None
    card_exp_year: Lenient[Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]] = None
    metadata: Lenient[Metadata] = None


class Refund(VendorModel):
    """A refund of a payment, or of a part of it."""

    refund_id: Id
    payment_id: Id
    status: Status
    amount: Lenient[Cents] = None
    currency: Lenient[Currency] = None
    is_partial: Lenient[bool] = None
    reason: Lenient[Text] = None
    created_at: Moment
    customer: Lenient[CustomerRef] = None
    metadata: Lenient[Metadata] = None


class Dispute(VendorModel):
    """A dispute about a payment."""

    dispute_id: Id
    payment_id: Id
    amount: Annotated[Cents, BeforeValidator(_cents_of_text)]
    """Dodo sends a text, in the smallest unit of the currency."""
    currency: Currency
    dispute_stage: Status
    dispute_status: Status
    created_at: Moment
    reason: Lenient[Text] = None
    remarks: Lenient[Text] = None
    customer: Lenient[CustomerRef] = None


class CreditEntry(VendorModel):
    """One change of a customer's credits; the amounts count credits, not money."""

    id: Id
    customer_id: Id
    credit_entitlement_id: Id
    transaction_type: Status
    is_credit: bool
    amount: Decimal
    balance_after: Decimal
    created_at: Moment
    description: Lenient[Text] = None
    reference_id: Lenient[Id] = None


class CreditBalance(VendorModel):
    """A customer's balance that fell below its threshold."""

    customer_id: Id
    subscription_id: Lenient[Id] = None
    credit_entitlement_id: Id
    available_balance: Decimal
    threshold_amount: Lenient[Decimal] = None


class Dunning(VendorModel):
    """Dodo's attempts to collect a payment that failed."""

    subscription_id: Id
    customer_id: Id
    status: Status
    trigger_state: Lenient[Status] = None
    payment_id: Lenient[Id] = None
    created_at: Moment


class Checkout(VendorModel):
    """A new checkout session, and the page on which the customer pays."""

    session_id: Id
    checkout_url: Annotated[str, Field(min_length=1, max_length=2_000)]


class CheckoutStatus(VendorModel):
    """The progress of a checkout session; without a payment, the customer has not submitted the page."""

    id: Id
    created_at: Moment
    payment_id: Lenient[Id] = None
    payment_status: Lenient[Status] = None


class ChargeSummary(VendorModel):
    """What a plan change costs now."""

    total_amount: Annotated[int, Field(strict=True)]
    """Including tax."""
    tax: Lenient[int] = None
    currency: Currency
    customer_credits: Lenient[int] = None
    """The movement of the customer's balance: negative if credits pay a part of the charge."""


class ImmediateCharge(VendorModel):
    """The charge of a plan change and the time at which it takes effect."""

    effective_at: Moment
    summary: ChargeSummary


class PlanChangePreview(VendorModel):
    """Dodo's own numbers for a plan change, before it is made."""

    immediate_charge: ImmediateCharge
    new_plan: Subscription


class PaymentLink(VendorModel):
    """A page on which the customer enters a new way of paying, or pays what is due."""

    payment_link: Lenient[Annotated[str, Field(max_length=2_000)]] = None
    payment_id: Lenient[Id] = None
    expires_on: Lenient[Moment] = None


class PortalSession(VendorModel):
    """A short-lived address of the customer portal."""

    link: Annotated[str, Field(min_length=1, max_length=2_000)]
