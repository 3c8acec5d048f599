"""The bodies of Dodo's API that the stand-in reads; an unknown field is refused, so that none is silently ignored.

Source: dodopayments 1.123.0, types/*_params.py.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from local.stand_ins.dodo.business.plan_changes import Mode
from local.stand_ins.dodo.business.records import Metadata
from local.stand_ins.scenario.orders import OrderPart

_MAX_PAIRS = 50
_MAX_VALUE_LENGTH = 500

type Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]+$", max_length=254)]
type Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
type PageUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]{1,2000}$")]


class WithMetadata(OrderPart):
    """A body with metadata."""

    metadata: dict[Key, str | bool | int | float] = Field(default_factory=dict, max_length=_MAX_PAIRS)

    @field_validator("metadata")
    @classmethod
    def _are_short(cls, metadata: Metadata) -> Metadata:
        if any(isinstance(value, str) and len(value) > _MAX_VALUE_LENGTH for value in metadata.values()):
            raise ValueError(f"a value is longer than {_MAX_VALUE_LENGTH} characters")
        return metadata


class NewCustomer(WithMetadata):
    """A customer to create."""

    email: Email
    name: str = Field(min_length=1, max_length=400)


class CustomerChange(OrderPart):
    """The fields of a customer to replace."""

    email: Email | None = None
    name: str | None = Field(default=None, min_length=1, max_length=400)
    metadata: dict[Key, str | bool | int | float] | None = None


class Buyer(OrderPart):
    """The customer of a checkout: an existing one, or an address."""

    customer_id: str | None = None
    email: Email | None = None
    name: str | None = None


class CartItem(OrderPart):
    """A product in a cart."""

    product_id: str
    quantity: Literal[1]


class NewCheckout(WithMetadata):
    """A checkout session to create."""

    product_cart: list[CartItem] = Field(min_length=1, max_length=1)
    customer: Buyer
    return_url: PageUrl | None = None
    cancel_url: PageUrl | None = None


class SubscriptionChange(OrderPart):
    """The fields of a subscription to change: one of the first two."""

    status: Literal["cancelled", "paused", "active"] | None = None
    cancel_at_next_billing_date: bool | None = None
    cancel_reason: str | None = None
    cancellation_feedback: str | None = None
    cancellation_comment: str | None = None


class NewPlan(WithMetadata):
    """A plan change."""

    product_id: str
    quantity: Literal[1]
    proration_billing_mode: Mode
    effective_at: Literal["immediately", "next_billing_date"] = "immediately"
    on_payment_failure: Literal["prevent_change", "apply_change"] = "apply_change"
    cancel_scheduled_change_plan: bool = False


class NewPaymentMethod(OrderPart):
    """The way in which a customer replaces their card."""

    type: Literal["new"]
    return_url: PageUrl | None = None


class RefundItem(OrderPart):
    """A part of a payment to refund."""

    item_id: str
    amount: int | None = Field(default=None, ge=1)
    tax_inclusive: bool = True


class NewRefund(WithMetadata):
    """A refund to make."""

    payment_id: str
    reason: str | None = Field(default=None, max_length=3_000)
    items: list[RefundItem] | None = Field(default=None, min_length=1, max_length=20)
