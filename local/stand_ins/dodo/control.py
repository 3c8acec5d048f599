"""The control API of the account at Dodo: its clock, payments and webhooks, and its books as the truth for tests."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import httpx
from fastapi import APIRouter
from pydantic import Field, HttpUrl, StringConstraints

from local.stand_ins.dodo import samples
from local.stand_ins.dodo.account import random_id
from local.stand_ins.dodo.business import checkouts, passage, refunds, subscriptions
from local.stand_ins.dodo.business.clock import as_text
from local.stand_ins.dodo.business.records import Outcome, Product
from local.stand_ins.dodo.current_books import CurrentBooks
from local.stand_ins.dodo.orders import Email
from local.stand_ins.dodo.webhooks import Manner, Tampering, body_of, headers_of, tampered
from local.stand_ins.scenario.orders import Order
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import State

router = APIRouter(prefix="/__control/dodo")

_TEN_YEARS_S = 315_360_000


class ClockOrder(Order):
    """How far to move the clock: by a duration, or to the next moment at which a subscription changes."""

    advance_s: float | None = Field(default=None, ge=0, le=_TEN_YEARS_S, allow_inf_nan=False)
    to_next_billing_of: str | None = None
    """A subscription."""


class OutcomeOrder(Order):
    """How a payment ends."""

    outcome: Outcome


class CardOrder(Order):
    """How charges to a customer's card end from now on."""

    customer_id: str
    outcome: Literal[Outcome.SUCCEEDED, Outcome.FAILED, Outcome.PROCESSING]


class PolicyOrder(Order):
    """Settings of the account; omitted ones do not change."""

    grace_days: int | None = Field(default=None, ge=0, le=60)
    tax_percent: int | None = Field(default=None, ge=0, le=50)
    refunds_take_time: bool | None = None
    proration_starts_a_cycle: bool | None = None


class ProductOrder(Order):
    """A product to add or replace."""

    product_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
    name: str = Field(min_length=1, max_length=100)
    price_cents: int = Field(ge=0, le=10**9)
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"


class MannerOrder(Order):
    """How webhooks are delivered; omitted fields do not change."""

    url: HttpUrl | None = None
    secrets: tuple[Annotated[str, StringConstraints(pattern=r"^whsec_[A-Za-z0-9+/=]+$")], ...] | None = None
    copies: int | None = Field(default=None, ge=1, le=20)
    is_held: bool | None = None
    retries_carry_the_latest_state: bool | None = None


class SampleOrder(Order):
    """A sample event to sign and send now, once or as several copies at the same time."""

    type: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,50}\.[a-z_]{1,50}$")]
    email: Email = "mara@example.com"
    metadata: dict[str, str] = Field(default_factory=dict, max_length=50)
    copies: int = Field(default=1, ge=1, le=20)
    age_s: int = 0
    """How old the signature is; negative for one from the future."""
    tampering: Tampering = Tampering.NONE


class DisputeOrder(Order):
    """A dispute to open."""

    payment_id: str


class DisputeMove(Order):
    """The next status of a dispute."""

    end: str


class CreditOrder(Order):
    """A change of a customer's credits."""

    customer_id: str
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,50}$")]
    amount: int = Field(ge=0, le=10**9)


@router.get("/state")
async def get_books(books: CurrentBooks) -> dict[str, Any]:
    """Return every record as the books keep it, and the events since the start."""
    records = {
        name: {key: asdict(record) for key, record in getattr(books, name).items()}
        for name in (
            "products",
            "customers",
            "checkouts",
            "subscriptions",
            "payments",
            "refunds",
            "disputes",
            "credits",
        )
    }
    events = [{"id": event.id, **event.as_json()} for event in books.events]
    return {"now": as_text(books.now()), **records, "events": events}


@router.post("/clock")
async def move_clock(books: CurrentBooks, order: ClockOrder) -> dict[str, Any]:
    """Move the clock forwards; everything that falls due happens at its own moment."""
    if order.to_next_billing_of is not None:
        passage.advance_to(books, books.get_subscription(order.to_next_billing_of).next_billing_at)
    if order.advance_s is not None:
        passage.advance(books, timedelta(seconds=order.advance_s))
    return {"now": as_text(books.now())}


@router.post("/policy")
async def set_policy(books: CurrentBooks, order: PolicyOrder) -> dict[str, bool]:
    """Change settings of the account."""
    policy = books.policy
    if order.grace_days is not None:
        policy.grace = timedelta(days=order.grace_days)
    if order.tax_percent is not None:
        policy.tax_percent = order.tax_percent
    if order.refunds_take_time is not None:
        policy.refunds_take_time = order.refunds_take_time
    if order.proration_starts_a_cycle is not None:
        policy.proration_starts_a_cycle = order.proration_starts_a_cycle
    return {"set": True}


@router.post("/products")
async def put_product(books: CurrentBooks, order: ProductOrder) -> dict[str, str]:
    """Add or replace a product."""
    books.products[order.product_id] = Product(order.product_id, order.name, order.price_cents, order.currency)
    return {"product_id": order.product_id}


@router.post("/cards")
async def set_card(books: CurrentBooks, order: CardOrder) -> dict[str, str]:
    """Make charges to a customer's card end in another way."""
    card = subscriptions.set_card(books, order.customer_id, order.outcome)
    return {"payment_method_id": card.payment_method_id}


@router.post("/checkouts/{session_id}/pay")
async def pay(books: CurrentBooks, session_id: str, order: OutcomeOrder) -> dict[str, str]:
    """Pay a session, as a customer on its page."""
    payment = checkouts.pay(books, session_id, order.outcome)
    return {"payment_id": payment.payment_id, "subscription_id": payment.subscription_id}


@router.post("/payments/{payment_id}/settle")
async def settle(books: CurrentBooks, payment_id: str, order: OutcomeOrder) -> dict[str, bool]:
    """End a payment that is processing."""
    subscriptions.settle(books, payment_id, order.outcome)
    return {"settled": True}


@router.post("/subscriptions/{subscription_id}/update-payment-method")
async def replace_card(books: CurrentBooks, subscription_id: str, order: OutcomeOrder) -> dict[str, bool]:
    """Replace the card, and charge what is due."""
    subscriptions.update_payment_method(books, subscription_id, order.outcome)
    return {"replaced": True}


@router.post("/refunds/{refund_id}/settle")
async def settle_refund(books: CurrentBooks, refund_id: str, order: OutcomeOrder) -> dict[str, bool]:
    """End a pending refund."""
    refunds.settle_refund(books, refund_id, succeeds=order.outcome is Outcome.SUCCEEDED)
    return {"settled": True}


@router.post("/disputes")
async def open_dispute(books: CurrentBooks, order: DisputeOrder) -> dict[str, str]:
    """Open a dispute about a payment."""
    return {"dispute_id": refunds.open_dispute(books, order.payment_id).dispute_id}


@router.post("/disputes/{dispute_id}/move")
async def move_dispute(books: CurrentBooks, dispute_id: str, order: DisputeMove) -> dict[str, bool]:
    """Give a dispute its next status."""
    refunds.move_dispute(books, dispute_id, order.end)
    return {"moved": True}


@router.post("/credits")
async def record_credit(books: CurrentBooks, order: CreditOrder) -> dict[str, str]:
    """Change a customer's credits."""
    return {"id": refunds.record_credit(books, order.customer_id, order.kind, order.amount).id}


@router.post("/webhooks")
async def set_manner(state: State, order: MannerOrder) -> dict[str, bool]:
    """Change how webhooks are delivered."""
    manner = state.dodo.deliveries.manner
    for name in ("secrets", "copies", "is_held", "retries_carry_the_latest_state"):
        value = getattr(order, name)
        if value is not None:
            setattr(manner, name, value)
    if order.url is not None:
        manner.url = str(order.url)
    return {"set": True}


@router.post("/webhooks/release")
async def release(state: State, shuffled: bool = False) -> dict[str, int]:
    """Send the events that were held, and wait for the answers."""
    return {"sent": await state.dodo.deliveries.release(shuffled=shuffled)}


@router.post("/webhooks/idle")
async def wait_until_idle(state: State) -> dict[str, bool]:
    """Wait until every delivery has been accepted or given up."""
    await state.dodo.deliveries.idle()
    return {"idle": True}


@router.post("/webhooks/sample")
async def send_sample(state: State, books: CurrentBooks, order: SampleOrder) -> dict[str, Any]:
    """Send a sample, whose objects the API then knows, and return the statuses of the answers."""
    manner: Manner = state.dodo.deliveries.manner
    if manner.url is None:
        raise Refusal(409, {"error": "webhooks have no address yet"})
    products = list(books.products)
    buyer = samples.Buyer(order.email, order.email, dict(order.metadata), products[0], products[1])
    event, history = samples.sample(order.type, buyer, now=datetime.now(UTC), new_id=random_id, products=books.products)
    samples.adopt(books, history)
    body = body_of(event.as_json())
    at_s = int(datetime.now(UTC).timestamp()) - order.age_s
    headers = headers_of(body, event_id=event.id, at_s=at_s, secrets=manner.secrets)
    content, headers = tampered(body, headers, order.tampering)
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        calls = (http.post(manner.url, content=content, headers=headers) for _ in range(order.copies))
        answers = await asyncio.gather(*calls)
    return {"event_id": event.id, "statuses": [answer.status_code for answer in answers]}
