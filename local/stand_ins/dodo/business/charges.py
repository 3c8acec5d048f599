"""Charges to a customer's card."""

from dataclasses import replace
from datetime import datetime

from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.notices import publish_payment
from local.stand_ins.dodo.business.records import Outcome, Payment, PlanChange, Subscription


def charge(
    books: Books,
    subscription: Subscription,
    *,
    amount_cents: int,
    charge_type: str,
    period: tuple[datetime, datetime],
    outcome: Outcome | None = None,
    change: PlanChange | None = None,
    checkout_session_id: str | None = None,
) -> Payment:
    """Charge the card and publish the payment.

    Args:
        books: the books.
        subscription: the subscription that is paid for.
        amount_cents: the amount before tax; zero is paid without the card.
        charge_type: new, renewal or plan_change.
        period: the time that the payment pays for.
        outcome: how the charge ends; None: as charges to the card do.
        change: the plan change that the payment settles.
        checkout_session_id: the checkout session of a first payment.
    """
    card = books.customers[subscription.customer_id].card
    now = books.now()
    tax_cents = amount_cents * books.policy.tax_percent // 100
    payment = Payment(
        payment_id=books.new_id("pay"),
        customer_id=subscription.customer_id,
        subscription_id=subscription.subscription_id,
        product_id=change.product_id if change else subscription.product_id,
        charge_type=charge_type,
        total_cents=amount_cents + tax_cents,
        tax_cents=tax_cents,
        currency=subscription.currency,
        created_at=now,
        updated_at=now,
        status=(outcome or card.outcome) if amount_cents else Outcome.SUCCEEDED,
        card=replace(card),
        metadata=dict(subscription.metadata),
        checkout_session_id=checkout_session_id,
        retry_attempt=subscription.attempts,
        starts_at=period[0],
        ends_at=period[1],
        change=change,
    )
    books.payments[payment.payment_id] = payment
    set_status(books, payment, payment.status)
    return payment


def set_status(books: Books, payment: Payment, status: Outcome) -> None:
    """Give a payment its status, and its invoice if it succeeded; publishes the event."""
    payment.status = status
    payment.updated_at = books.now()
    if status is Outcome.SUCCEEDED:
        payment.invoice_id = books.new_id("inv")
    publish_payment(books, payment)
