"""Refunds, disputes and credits."""

from datetime import timedelta
from typing import Any

from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.notices import publish_credit, publish_dispute, publish_refund
from local.stand_ins.dodo.business.records import CreditEntry, Dispute, Outcome, Refund
from local.stand_ins.dodo.business.refusals import BusinessRefusal, invalid

_WINDOW = timedelta(days=90)
_DISPUTE_ENDS = ("expired", "accepted", "cancelled", "challenged", "won", "lost")
_CREDITS_IN = ("credit_added", "credit_rolled_over")


def refund(
    books: Books,
    payment_id: str,
    *,
    amount_cents: int | None = None,
    reason: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Refund:
    """Refund a payment, or a part of it; None refunds all that remains."""
    payment = books.get_payment(payment_id)
    if payment.status is not Outcome.SUCCEEDED:
        raise BusinessRefusal(400, "PAYMENT_NOT_SUCCEEDED", "Payment is not successful")
    if books.now() > payment.created_at + _WINDOW:
        raise BusinessRefusal(400, "REFUND_WINDOW_EXPIRED", "Refunds cannot be initiated 90 days after payment")
    remaining_cents = payment.total_cents - sum(
        each.amount_cents
        for each in books.refunds.values()
        if each.payment_id == payment_id and each.status != "failed"
    )
    if remaining_cents <= 0:
        raise BusinessRefusal(400, "PAYMENT_ALREADY_REFUNDED", "This payment has already been refunded")
    amount_cents = remaining_cents if amount_cents is None else amount_cents
    if amount_cents > remaining_cents:
        message = "The calculated refund amount is larger than the paid amount"
        raise BusinessRefusal(400, "REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT", message)
    if amount_cents <= 0:
        raise invalid("The amount must be positive")
    record = Refund(
        books.new_id("ref"),
        payment_id,
        amount_cents,
        payment.currency,
        amount_cents < payment.total_cents,
        "pending" if books.policy.refunds_take_time else "succeeded",
        books.now(),
        reason,
        dict(metadata or {}),
    )
    books.refunds[record.refund_id] = record
    publish_refund(books, record)
    return record


def settle_refund(books: Books, refund_id: str, *, succeeds: bool) -> None:
    """End a pending refund."""
    record = books.get_refund(refund_id)
    if record.status != "pending":
        raise invalid("The refund is not pending")
    record.status = "succeeded" if succeeds else "failed"
    publish_refund(books, record)


def open_dispute(books: Books, payment_id: str, *, reason: str | None = None) -> Dispute:
    """Open a dispute about a whole payment."""
    payment = books.get_payment(payment_id)
    if payment.status is not Outcome.SUCCEEDED:
        raise BusinessRefusal(400, "PAYMENT_NOT_SUCCEEDED", "Payment is not successful")
    dispute = Dispute(
        books.new_id("dsp"),
        payment_id,
        payment.total_cents,
        payment.currency,
        "dispute_opened",
        books.now(),
        reason=reason,
    )
    books.disputes[dispute.dispute_id] = dispute
    publish_dispute(books, dispute)
    return dispute


def move_dispute(books: Books, dispute_id: str, end: str) -> None:
    """Give a dispute another status: expired, accepted, cancelled, challenged, won or lost."""
    dispute = books.get_dispute(dispute_id)
    if end not in _DISPUTE_ENDS:
        raise invalid(f"A dispute does not become {end}")
    dispute.status = f"dispute_{end}"
    publish_dispute(books, dispute)


def record_credit(books: Books, customer_id: str, kind: str, amount: int) -> CreditEntry:
    """Change a customer's credits, whose balance is never negative; `kind` is such as credit_added."""
    books.get_customer(customer_id)
    entries = [entry for entry in books.credits.values() if entry.customer_id == customer_id]
    before = entries[-1].balance_after if entries else 0
    is_credit = kind in _CREDITS_IN
    after = before + amount if is_credit else max(0, before - amount)
    entry = CreditEntry(
        books.new_id("cle"), customer_id, kind, is_credit, abs(after - before), before, after, books.now()
    )
    books.credits[entry.id] = entry
    publish_credit(books, entry)
    return entry
