"""The events that changes of records publish."""

from local.stand_ins.dodo.business.books import BUSINESS_ID, Books
from local.stand_ins.dodo.business.clock import as_text
from local.stand_ins.dodo.business.documents import (
    credit_json,
    dispute_json,
    payment_json,
    refund_json,
    subscription_json,
)
from local.stand_ins.dodo.business.records import CreditEntry, Dispute, Payment, Refund, Subscription


def publish_subscription(books: Books, subscription: Subscription, *names: str, payment: Payment | None = None) -> None:
    """Publish `subscription.<name>` for each name, all with the same state; only `renewed` names the payment."""
    for name in names:
        payment_id = payment.payment_id if payment is not None and name == "renewed" else None
        document = subscription_json(books, subscription, payment_id=payment_id)
        books.record_event(f"subscription.{name}", {"payload_type": "Subscription", **document})


def publish_payment(books: Books, payment: Payment) -> None:
    """Publish the event of a payment's status."""
    books.record_event(f"payment.{payment.status}", {"payload_type": "Payment", **payment_json(books, payment)})


def publish_refund(books: Books, refund: Refund) -> None:
    """Publish the end of a refund; one that is pending has no event."""
    if refund.status in ("succeeded", "failed"):
        books.record_event(f"refund.{refund.status}", {"payload_type": "Refund", **refund_json(books, refund)})


def publish_dispute(books: Books, dispute: Dispute) -> None:
    """Publish the event of a dispute's status."""
    name = dispute.status.removeprefix("dispute_")
    books.record_event(f"dispute.{name}", {"payload_type": "Dispute", **dispute_json(dispute)})


def publish_credit(books: Books, entry: CreditEntry) -> None:
    """Publish a change of credits."""
    name = entry.kind.removeprefix("credit_")
    books.record_event(f"credit.{name}", {"payload_type": "CreditLedgerEntry", **credit_json(entry)})


def publish_dunning(books: Books, subscription: Subscription, name: str, status: str) -> None:
    """Publish the start or the success of the attempts to collect a failed renewal."""
    data = {
        "payload_type": "Dunning",
        "brand_id": BUSINESS_ID,
        "created_at": as_text(books.now()),
        "customer_id": subscription.customer_id,
        "subscription_id": subscription.subscription_id,
        "status": status,
        "trigger_state": "past_due" if subscription.past_due_ends_at else "on_hold",
        "payment_id": None,
    }
    books.record_event(f"dunning.{name}", data)
