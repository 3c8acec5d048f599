"""Checkout sessions, and the first payment of a subscription."""

from datetime import timedelta
from typing import Any

from local.stand_ins.dodo.business import charges
from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.clock import month_after, years_after
from local.stand_ins.dodo.business.notices import publish_subscription
from local.stand_ins.dodo.business.records import Checkout, Customer, Outcome, Payment, Status, Subscription
from local.stand_ins.dodo.business.refusals import BusinessRefusal

LIFETIME = timedelta(hours=24)
"""Source: docs.dodopayments.com, "Checkout sessions", 2026-11."""


def create_checkout(
    books: Books,
    *,
    product_id: str,
    customer_id: str | None = None,
    email: str = "",
    name: str = "",
    metadata: dict[str, Any] | None = None,
    return_url: str | None = None,
    cancel_url: str | None = None,
) -> Checkout:
    """Create a session for an existing customer, or for one with this address."""
    books.get_product(product_id)
    if customer_id is not None:
        customer = books.get_customer(customer_id)
        email, name = customer.email, customer.name
    checkout = Checkout(
        books.new_id("cks"),
        product_id,
        books.now(),
        email,
        name,
        return_url,
        cancel_url,
        customer_id,
        dict(metadata or {}),
    )
    books.checkouts[checkout.session_id] = checkout
    return checkout


def require_open(books: Books, session_id: str) -> Checkout:
    """Return a session that can still be paid, or refuse."""
    checkout = books.get_checkout(session_id)
    last = books.payments.get(checkout.payment_id or "")
    if last is not None and last.status in (Outcome.SUCCEEDED, Outcome.PROCESSING):
        raise BusinessRefusal(400, "CHECKOUT_SESSION_CONSUMED", "Checkout session is already consumed")
    if books.now() >= checkout.created_at + LIFETIME:
        raise BusinessRefusal(400, "CHECKOUT_SESSION_EXPIRED", "Checkout session has expired")
    return checkout


def pay(books: Books, session_id: str, outcome: Outcome = Outcome.SUCCEEDED) -> Payment:
    """Try to pay a session; each attempt creates a subscription of its own, which begins if the payment succeeds."""
    checkout = require_open(books, session_id)
    customer = _customer_of(books, checkout)
    product = books.get_product(checkout.product_id)
    now = books.now()
    subscription = Subscription(
        subscription_id=books.new_id("sub"),
        customer_id=customer.customer_id,
        product_id=product.product_id,
        amount_cents=product.price_cents,
        currency=product.currency,
        created_at=now,
        previous_billing_at=now,
        next_billing_at=month_after(now, anchor_day=now.day),
        expires_at=years_after(now, books.policy.term_years),
        anchor_day=now.day,
        payment_method_id=customer.card.payment_method_id,
        metadata=dict(checkout.metadata),
    )
    books.subscriptions[subscription.subscription_id] = subscription
    payment = charges.charge(
        books,
        subscription,
        amount_cents=product.price_cents,
        charge_type="new",
        period=(subscription.previous_billing_at, subscription.next_billing_at),
        outcome=outcome,
        checkout_session_id=session_id,
    )
    checkout.payment_id = payment.payment_id
    begin_or_fail(books, subscription, payment)
    return payment


def begin_or_fail(books: Books, subscription: Subscription, payment: Payment) -> None:
    """Start a subscription whose first payment succeeded; end it if that failed; else it stays pending."""
    if payment.status is Outcome.SUCCEEDED:
        subscription.status = Status.ACTIVE
        publish_subscription(books, subscription, "active", "updated")
    elif payment.status is Outcome.FAILED:
        subscription.status = Status.FAILED
        publish_subscription(books, subscription, "failed", "updated")


def _customer_of(books: Books, checkout: Checkout) -> Customer:
    """Return the session's customer: the given one, else the oldest with the address, else a new one."""
    if checkout.customer_id is None:
        known = (each for each in books.customers.values() if each.email == checkout.email)
        customer = next(known, None) or books.create_customer(checkout.email, checkout.name)
        checkout.customer_id = customer.customer_id
    return books.customers[checkout.customer_id]
