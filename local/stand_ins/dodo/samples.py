"""A sample of every event type, from a short history that ends with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.stand_ins.dodo.business import checkouts, passage, plan_changes, refunds, subscriptions
from local.stand_ins.dodo.business.books import BUSINESS_ID, BUSINESS_PRODUCT, PRO_PRODUCT, Books, Event, Policy
from local.stand_ins.dodo.business.clock import VirtualClock, as_text
from local.stand_ins.dodo.business.records import Metadata, Outcome, Product, Subscription

_MONTH = timedelta(days=31)
_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Buyer:
    """The customer of a sample."""

    email: str = "mara@example.com"
    name: str = "Mara Lind"
    metadata: Metadata = field(default_factory=dict)
    """Copied to the customer, the subscription and the payments."""
    product_id: str = PRO_PRODUCT
    other_product_id: str = BUSINESS_PRODUCT


def sample(
    event_type: str,
    buyer: Buyer,
    *,
    now: datetime,
    new_id: Callable[[str], str] | None = None,
    products: Mapping[str, Product] | None = None,
) -> tuple[Event, Books]:
    """Return an event of a type, and the books of the history that led to it.

    `canceled` is written as given; a type that does not exist gets an invented object.
    """
    documented = event_type.replace("canceled", "cancelled")
    play = _HISTORIES.get(documented)
    start = now - _AGES.get(documented, timedelta())
    books = Books(clock=VirtualClock(start), policy=_POLICIES.get(documented, Policy()))
    books.products |= products or {}
    if new_id is not None:
        books.new_id = new_id
    if play is None:
        data = {**_UNKNOWN, **_STATIC.get(documented, _UNKNOWN), "created_at": as_text(books.now())}
        books.record_event(documented, data)
    else:
        play(books, buyer)
    found = [event for event in books.events if event.type == documented][-1]
    return Event(found.id, event_type, found.occurred_at, found.data), books


def adopt(books: Books, others: Books) -> None:
    """Add the records of another history to the books."""
    books.customers |= others.customers
    books.checkouts |= others.checkouts
    books.subscriptions |= others.subscriptions
    books.payments |= others.payments
    books.refunds |= others.refunds
    books.disputes |= others.disputes
    books.credits |= others.credits


def _subscribe(books: Books, buyer: Buyer, outcome: Outcome = Outcome.SUCCEEDED) -> Subscription:
    customer = books.create_customer(buyer.email, buyer.name, dict(buyer.metadata))
    checkout = checkouts.create_checkout(
        books, product_id=buyer.product_id, customer_id=customer.customer_id, metadata=dict(buyer.metadata)
    )
    return books.subscriptions[checkouts.pay(books, checkout.session_id, outcome).subscription_id]


def _first_payment(outcome: Outcome) -> Callable[[Books, Buyer], None]:
    def play(books: Books, buyer: Buyer) -> None:
        _subscribe(books, buyer, outcome)

    return play


def _until_the_next_billing_date(outcome: Outcome) -> Callable[[Books, Buyer], None]:
    def play(books: Books, buyer: Buyer) -> None:
        subscription = _subscribe(books, buyer)
        subscriptions.set_card(books, subscription.customer_id, outcome)
        passage.advance_to(books, subscription.next_billing_at)

    return play


def _recover(books: Books, buyer: Buyer) -> None:
    subscription = _subscribe(books, buyer)
    subscriptions.set_card(books, subscription.customer_id, Outcome.FAILED)
    passage.advance_to(books, subscription.next_billing_at)
    subscriptions.update_payment_method(books, subscription.subscription_id)


def _pause(books: Books, buyer: Buyer) -> None:
    subscriptions.pause(books, _subscribe(books, buyer).subscription_id)


def _resume(books: Books, buyer: Buyer) -> None:
    subscription = _subscribe(books, buyer)
    subscriptions.pause(books, subscription.subscription_id)
    subscriptions.resume(books, subscription.subscription_id)


def _cancel(books: Books, buyer: Buyer) -> None:
    subscriptions.cancel_now(books, _subscribe(books, buyer).subscription_id)


def _expire(books: Books, buyer: Buyer) -> None:
    passage.advance_to(books, _subscribe(books, buyer).expires_at)


def _change_plan(books: Books, buyer: Buyer) -> None:
    plan_changes.change_now(books, _subscribe(books, buyer).subscription_id, buyer.other_product_id)


def _replace_card(books: Books, buyer: Buyer) -> None:
    subscriptions.update_payment_method(books, _subscribe(books, buyer).subscription_id)


def _refund(books: Books, buyer: Buyer) -> None:
    _subscribe(books, buyer)
    refunds.refund(books, next(iter(books.payments)), reason="requested")


def _fail_refund(books: Books, buyer: Buyer) -> None:
    _refund(books, buyer)
    refunds.settle_refund(books, next(iter(books.refunds)), succeeds=False)


def _dispute(end: str | None) -> Callable[[Books, Buyer], None]:
    def play(books: Books, buyer: Buyer) -> None:
        _subscribe(books, buyer)
        dispute = refunds.open_dispute(books, next(iter(books.payments)), reason="fraudulent")
        if end is not None:
            refunds.move_dispute(books, dispute.dispute_id, end)

    return play


def _credit(kind: str) -> Callable[[Books, Buyer], None]:
    def play(books: Books, buyer: Buyer) -> None:
        customer = books.create_customer(buyer.email, buyer.name, dict(buyer.metadata))
        refunds.record_credit(books, customer.customer_id, "credit_added", 100)
        if kind != "credit_added":
            refunds.record_credit(books, customer.customer_id, kind, 40)

    return play


def _low_balance(books: Books, buyer: Buyer) -> None:
    subscription = _subscribe(books, buyer)
    data = {
        "payload_type": "CreditBalanceLow",
        "customer_id": subscription.customer_id,
        "subscription_id": subscription.subscription_id,
        "credit_entitlement_id": "cde_stand_in",
        "credit_entitlement_name": "Analyses",
        "available_balance": "5",
        "subscription_credits_amount": "100",
        "threshold_amount": "10",
        "threshold_percent": 10,
        "brand_id": BUSINESS_ID,
    }
    books.record_event("credit.balance_low", data)


_HISTORIES: Mapping[str, Callable[[Books, Buyer], None]] = {
    **dict.fromkeys(
        ("payment.succeeded", "subscription.active", "subscription.updated"), _first_payment(Outcome.SUCCEEDED)
    ),
    **dict.fromkeys(("payment.failed", "subscription.failed"), _first_payment(Outcome.FAILED)),
    "payment.processing": _first_payment(Outcome.PROCESSING),
    "payment.cancelled": _first_payment(Outcome.CANCELLED),
    "refund.succeeded": _refund,
    "refund.failed": _fail_refund,
    "dispute.opened": _dispute(None),
    **{f"dispute.{end}": _dispute(end) for end in ("expired", "accepted", "cancelled", "challenged", "won", "lost")},
    "subscription.renewed": _until_the_next_billing_date(Outcome.SUCCEEDED),
    **dict.fromkeys(
        ("subscription.on_hold", "subscription.past_due", "dunning.started"),
        _until_the_next_billing_date(Outcome.FAILED),
    ),
    "dunning.recovered": _recover,
    "subscription.paused": _pause,
    "subscription.unpaused": _resume,
    "subscription.cancelled": _cancel,
    "subscription.expired": _expire,
    "subscription.plan_changed": _change_plan,
    "subscription.update_payment_method": _replace_card,
    **{f"credit.{kind}": _credit(f"credit_{kind}") for kind in ("added", "deducted", "expired", "rolled_over")},
    **{
        f"credit.{kind}": _credit(kind)
        for kind in ("rollover_forfeited", "overage_charged", "overage_reset", "manual_adjustment")
    },
    "credit.balance_low": _low_balance,
}
_AGES: Mapping[str, timedelta] = {
    **dict.fromkeys(
        (
            "subscription.renewed",
            "subscription.on_hold",
            "subscription.past_due",
            "dunning.started",
            "dunning.recovered",
        ),
        _MONTH,
    ),
    "subscription.expired": _YEAR,
}
"""How long before now the histories start that need time."""
_POLICIES: Mapping[str, Policy] = {
    "subscription.past_due": Policy(grace=timedelta(days=7)),
    "subscription.expired": Policy(term_years=1),
    "refund.failed": Policy(refunds_take_time=True),
}

_UNKNOWN: Mapping[str, Any] = {"payload_type": "Unknown", "id": "obj_000001", "business_id": BUSINESS_ID}


def _payout(status: str) -> Mapping[str, Any]:
    return {
        "payload_type": "Payout",
        "payout_id": "pyt_000001",
        "amount": 100_000,
        "fee": 500,
        "tax": 0,
        "refunds": 0,
        "chargebacks": 0,
        "currency": "USD",
        "payment_method": "bank_transfer",
        "status": status,
        "updated_at": "2026-11-01T00:00:00.000Z",
    }


def _grant(status: str) -> Mapping[str, Any]:
    return {
        "payload_type": "EntitlementGrant",
        "id": "eng_000001",
        "brand_id": BUSINESS_ID,
        "customer_id": "cus_000001",
        "entitlement_id": "ent_000001",
        "integration_type": "discord",
        "metadata": {},
        "status": status,
        "updated_at": "2026-11-01T00:00:00.000Z",
    }


def _abandoned(status: str) -> Mapping[str, Any]:
    return {
        "payload_type": "AbandonedCheckout",
        "abandoned_at": "2026-11-01T00:00:00.000Z",
        "abandonment_reason": "checkout_incomplete",
        "brand_id": BUSINESS_ID,
        "customer_id": "cus_000001",
        "payment_id": "pay_000001",
        "status": status,
    }


_STATIC: Mapping[str, Mapping[str, Any]] = {
    "license_key.created": {
        "payload_type": "LicenseKey",
        "id": "lic_000001",
        "brand_id": BUSINESS_ID,
        "customer_id": "cus_000001",
        "instances_count": 0,
        "key": "invented-key",
        "product_id": "pdt_000001",
        "source": "auto",
        "status": "active",
    },
    "payout.created": _payout("not_initiated"),
    "payout.on_hold": _payout("on_hold"),
    "payout.in_progress": _payout("in_progress"),
    "payout.failed": _payout("failed"),
    "payout.success": _payout("success"),
    "abandoned_checkout.detected": _abandoned("abandoned"),
    "abandoned_checkout.recovered": _abandoned("recovered"),
    "entitlement_grant.created": _grant("Pending"),
    "entitlement_grant.delivered": _grant("Delivered"),
    "entitlement_grant.failed": _grant("Failed"),
    "entitlement_grant.revoked": _grant("Revoked"),
}
"""The objects of events that have nothing to do with subscriptions."""

EVENT_TYPES = (*_HISTORIES, *_STATIC)
"""All types that Dodo documents."""
