"""Request and response bodies of the billing API."""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from whyviral.accounts.models import SubscriptionStatus

from .models import PaymentStatus, RefundStatus

type PlanSlug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,50}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SubscribeBody(_Body):
    """The plan to buy."""

    plan: PlanSlug = Field(description="The `slug` of a plan.")


class UpgradeBody(_Body):
    """The plan to move to."""

    plan: PlanSlug = Field(description="The `slug` of a plan. `free` cancels at the end of the period.")
    preview: bool = Field(default=False, description="Whether to return the price of the change without making it.")


class CheckoutOut(BaseModel):
    """A checkout that waits for the customer."""

    subscription_id: uuid.UUID
    status: Literal[SubscriptionStatus.PENDING] = SubscriptionStatus.PENDING
    plan: str
    checkout_url: str = Field(description="The provider's page on which the customer pays.")


class ChangeState(StrEnum):
    """How far a change of the plan is."""

    PREVIEW = "preview"
    """Nothing was changed; the numbers are the provider's."""
    PROCESSING = "processing"
    """The provider charges the card; the plan changes as soon as it reports the payment."""
    SCHEDULED = "scheduled"
    """The plan changes at the end of the period."""
    DONE = "done"


class ChargeOut(BaseModel):
    """What a change costs now, in the provider's own numbers."""

    total_cents: int = Field(description="Including tax.")
    tax_cents: int
    customer_credits_cents: int = Field(description="Negative if credits of the customer pay a part of the charge.")
    currency: str


class PlanChangeOut(BaseModel):
    """A change of the plan and how far it is."""

    state: ChangeState = Field(
        description="`preview`: nothing was changed. `processing`: the plan changes with the payment. `scheduled`: it "
        "changes at the end of the period."
    )
    plan: str
    effective_at: datetime | None
    charge: ChargeOut | None = Field(description="Previews of upgrades only.")
    payment_link: str | None = Field(description="A page on which the customer must pay, if the card was not enough.")


class PortalOut(BaseModel):
    """A short-lived address of the provider's portal for cards and receipts."""

    url: str


class InvoicePdf(RootModel[bytes]):
    """An invoice as PDF."""

    model_config = ConfigDict(json_schema_extra={"format": "binary"})


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PaymentMethodOut(_Row):
    """A card or another method that has paid."""

    id: uuid.UUID
    kind: str
    brand: str | None
    last_four: str | None
    expiry_month: int | None
    expiry_year: int | None
    is_default: bool = Field(description="Whether the current subscription is charged to it.")


class PaymentMethodsOut(BaseModel):
    """The caller's payment methods."""

    payment_methods: list[PaymentMethodOut]


class HistoryKind(StrEnum):
    """The kind of an entry of the billing history."""

    SUBSCRIPTION = "subscription"
    PAYMENT = "payment"
    INVOICE = "invoice"
    REFUND = "refund"
    CREDIT = "credit"


class HistoryEntryOut(_Row):
    """One entry of the billing history; fields that its kind lacks are null."""

    kind: HistoryKind
    id: uuid.UUID
    at: datetime
    status: SubscriptionStatus | PaymentStatus | RefundStatus | None
    plan: str | None
    amount_cents: int | None = Field(description="Including tax.")
    tax_cents: int | None
    refunded_cents: int | None
    currency: str | None
    credits: Decimal | None = Field(description="Credits of the provider; negative if they were used.")
    period_start: datetime | None
    period_end: datetime | None
