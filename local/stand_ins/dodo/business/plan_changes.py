"""Plan changes: their prices, and their effect now or at the next billing date.

Source: docs.dodopayments.com, "Subscription upgrade and downgrade guide", 2026-11; dodopayments 1.123.0,
types/subscription_change_plan_params.py.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from local.stand_ins.dodo.business import charges
from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.clock import as_text, month_after
from local.stand_ins.dodo.business.documents import subscription_json
from local.stand_ins.dodo.business.notices import publish_subscription
from local.stand_ins.dodo.business.records import (
    Outcome,
    Payment,
    PlanChange,
    Product,
    ScheduledChange,
    Status,
    Subscription,
)
from local.stand_ins.dodo.business.refusals import BusinessRefusal, invalid


class Mode(StrEnum):
    """How a change is billed."""

    PRORATED = "prorated_immediately"
    FULL = "full_immediately"
    DIFFERENCE = "difference_immediately"
    NO_BILL = "do_not_bill"
    PRORATED_SAME_CYCLE = "prorated_immediately_keep_cycle"


@dataclass(frozen=True, slots=True)
class Quote:
    """What a change costs now."""

    charge_cents: int
    """Before tax; never negative."""
    credit_cents: int
    """What is left of the old plan's price beyond the new one's; it pays later renewals."""
    starts_at: datetime
    ends_at: datetime


def quote(books: Books, subscription: Subscription, product: Product, mode: Mode) -> Quote:
    """Return the price of a change at the current time."""
    now = books.now()
    starts_cycle = mode is Mode.FULL or (mode is Mode.PRORATED and books.policy.proration_starts_a_cycle)
    ends_at = month_after(now, anchor_day=now.day) if starts_cycle else subscription.next_billing_at
    old_cents = _remaining_cents(subscription.amount_cents, subscription, now)
    match mode:
        case Mode.FULL:
            difference = product.price_cents
        case Mode.DIFFERENCE:
            difference = product.price_cents - subscription.amount_cents
        case Mode.NO_BILL:
            difference = 0
        case Mode.PRORATED if starts_cycle:
            difference = product.price_cents - old_cents
        case _:
            difference = _remaining_cents(product.price_cents, subscription, now) - old_cents
    starts_at = now if starts_cycle else subscription.previous_billing_at
    return Quote(max(difference, 0), max(-difference, 0), starts_at, ends_at)


def _remaining_cents(price_cents: int, subscription: Subscription, now: datetime) -> int:
    """Return the part of a price for the rest of the period, rounded down."""
    period = subscription.next_billing_at - subscription.previous_billing_at
    rest = max(subscription.next_billing_at - now, now - now)
    return int(price_cents * rest // period) if period else 0


def require_changeable(subscription: Subscription, *, replaces_scheduled: bool) -> None:
    """Refuse a change while the subscription does not allow one."""
    if subscription.status is not Status.ACTIVE:
        message = "Changing plans is not supported for inactive subscriptions"
        raise BusinessRefusal(422, "INACTIVE_SUBSCRIPTION_PLAN_CHANGE_NOT_SUPPORTED", message)
    if subscription.cancel_at_next_billing_date:
        message = "Changing plans is not allowed while a cancellation is scheduled"
        raise BusinessRefusal(409, "PLAN_CHANGE_NOT_ALLOWED_FOR_SCHEDULED_CANCELLATION", message)
    if subscription.pending_payment_id is not None:
        message = "Cannot create new charge as previous payment is not successful yet"
        raise BusinessRefusal(409, "PREVIOUS_PAYMENT_PENDING", message)
    if subscription.scheduled_change is not None and not replaces_scheduled:
        raise BusinessRefusal(409, "SCHEDULED_PLAN_CHANGE_EXISTS", "A plan change is already scheduled")


def change_now(
    books: Books,
    subscription_id: str,
    product_id: str,
    *,
    mode: Mode = Mode.PRORATED,
    keeps_plan_on_failure: bool = True,
    replaces_scheduled: bool = False,
    outcome: Outcome | None = None,
) -> Payment | None:
    """Change the plan at once; returns the payment, or None if nothing is due."""
    subscription = books.get_subscription(subscription_id)
    product = books.get_product(product_id)
    require_changeable(subscription, replaces_scheduled=replaces_scheduled)
    price = quote(books, subscription, product, mode)
    change = PlanChange(product_id, price.starts_at, price.ends_at, price.credit_cents)
    if not price.charge_cents:
        apply(books, subscription, change)
        publish_subscription(books, subscription, "plan_changed", "updated")
        return None
    payment = charges.charge(
        books,
        subscription,
        amount_cents=price.charge_cents,
        charge_type="plan_change",
        period=(books.now(), price.ends_at),
        outcome=outcome,
        change=change,
    )
    settle_change(books, subscription, payment, keeps_plan_on_failure=keeps_plan_on_failure)
    return payment


def preview_json(
    books: Books, subscription_id: str, product_id: str, *, mode: Mode, replaces_scheduled: bool
) -> dict[str, Any]:
    """Return what `change_now` would charge and make of the subscription; changes nothing."""
    subscription = books.get_subscription(subscription_id)
    product = books.get_product(product_id)
    require_changeable(subscription, replaces_scheduled=replaces_scheduled)
    price = quote(books, subscription, product, mode)
    after = replace(subscription)
    apply(books, after, PlanChange(product_id, price.starts_at, price.ends_at, price.credit_cents))
    tax_cents = price.charge_cents * books.policy.tax_percent // 100
    total_cents = price.charge_cents + tax_cents
    summary = {
        "currency": product.currency,
        "total_amount": total_cents,
        "tax": tax_cents,
        "settlement_amount": total_cents,
        "settlement_currency": product.currency,
        "settlement_tax": tax_cents,
        "customer_credits": price.credit_cents,
        "customer_credits_currency": product.currency,
    }
    charge: dict[str, Any] = {"effective_at": as_text(books.now()), "line_items": [], "summary": summary}
    return {"immediate_charge": charge, "new_plan": subscription_json(books, after)}


def settle_change(books: Books, subscription: Subscription, payment: Payment, *, keeps_plan_on_failure: bool) -> None:
    """Apply a change whose payment succeeded, wait for one that is processing, or handle its failure."""
    assert payment.change is not None  # noqa: S101 - only called for the payments of changes
    if payment.status is Outcome.PROCESSING:
        subscription.pending_payment_id = payment.payment_id
        return
    subscription.pending_payment_id = None
    if payment.status is Outcome.SUCCEEDED:
        apply(books, subscription, payment.change)
        publish_subscription(books, subscription, "plan_changed", "updated")
    elif not keeps_plan_on_failure:
        apply(books, subscription, payment.change)
        subscription.status = Status.ON_HOLD
        publish_subscription(books, subscription, "plan_changed", "on_hold", "updated")


def apply(books: Books, subscription: Subscription, change: PlanChange) -> None:
    """Give the subscription its new plan; a scheduled change is replaced."""
    subscription.product_id = change.product_id
    subscription.amount_cents = books.products[change.product_id].price_cents
    subscription.credit_cents += change.credit_cents
    subscription.scheduled_change = None
    if change.starts_at != subscription.previous_billing_at:
        subscription.anchor_day = change.starts_at.day
    subscription.previous_billing_at = change.starts_at
    subscription.next_billing_at = change.ends_at


def schedule(
    books: Books,
    subscription_id: str,
    product_id: str,
    *,
    mode: Mode = Mode.PRORATED,
    keeps_plan_on_failure: bool = False,
    replaces_scheduled: bool = True,
) -> None:
    """Schedule a change for the next billing date."""
    subscription = books.get_subscription(subscription_id)
    product = books.get_product(product_id)
    require_changeable(subscription, replaces_scheduled=replaces_scheduled)
    if product_id == subscription.product_id:
        raise invalid("The subscription is on this product already")
    subscription.scheduled_change = ScheduledChange(
        books.new_id("spc"),
        product.product_id,
        books.now(),
        subscription.next_billing_at,
        mode,
        keeps_plan_on_failure,
    )
    publish_subscription(books, subscription, "updated")


def cancel_scheduled(books: Books, subscription_id: str) -> None:
    """Remove the scheduled change, or refuse if there is none."""
    subscription = books.get_subscription(subscription_id)
    if subscription.scheduled_change is None:
        raise BusinessRefusal(404, "SCHEDULED_PLAN_CHANGE_NOT_FOUND", "No scheduled plan change found")
    subscription.scheduled_change = None
    publish_subscription(books, subscription, "updated")
