"""Random histories through Postgres, with crashes and replays, against the books of Dodo's stand-in."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from local.stand_ins.dodo.business.books import Books
from tests.fixtures.proof_scale import seeds
from tests.whyviral.billing.conftest import Billing, delete_rows
from tests.whyviral.billing.histories import SLUGS, History, Mail
from whyviral.accounts.models import Plan, Subscription
from whyviral.billing.models import Credit, Dispute, Payment, Refund
from whyviral.core.database import session_scope
from whyviral.webhooks import inbox
from whyviral.webhooks.models import WebhookEvent


class Killed(Exception):
    """The process ends in the middle of a transaction."""


class Killer:
    """Ends the transaction at a random statement."""

    def __init__(self, engine: Engine) -> None:
        self.left: int | None = None
        event.listen(engine, "before_cursor_execute", self._count)
        self._engine = engine

    def _count(self, *_: Any) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left <= 0:
            self.left = None
            raise Killed

    def remove(self) -> None:
        event.remove(self._engine, "before_cursor_execute", self._count)


def process(billing: Billing, event_id: uuid.UUID, history: History, killer: Killer) -> None:
    """Process an event; sometimes the process dies in between, and the queue delivers the event again."""
    if history.chance.random() < 0.15:
        killer.left = history.chance.randint(1, 20)
        with suppress(Killed):
            billing.process(event_id)
        killer.left = None
    if history.chance.random() < 0.1:
        return  # the message is lost; the sweeper queues the event again
    billing.process(event_id)


def take(billing: Billing, history: History, killer: Killer, events: list[Any]) -> None:
    for each in events:
        stored = billing.receive(history.delivery(each), event_id=each.id)
        if stored is not None:
            process(billing, stored, history, killer)


def finish(billing: Billing) -> None:
    """Process what was lost, as the sweeper has it done."""
    with session_scope(billing.engine) as session:
        unfinished = inbox.list_unfinished(session)
    for event_id in unfinished:
        billing.process(event_id)


def ours(session: Session, user_id: uuid.UUID) -> dict[str, Any]:
    """Return what our rows say about a user."""
    rows = session.query(Subscription, Plan).join(Plan, Plan.id == Subscription.plan_id)
    mirrored = [(row, plan) for row, plan in rows if row.user_id == user_id]
    return {
        "current": [plan.slug for row, plan in mirrored if row.status in ("ACTIVE", "TRIAL", "CANCELING")],
        "subscriptions": {
            row.provider_subscription_id: (
                row.provider_status,
                plan.slug,
                row.current_period_start,
                row.current_period_end,
                row.cancel_at_period_end,
                row.downgrade_at,
            )
            for row, plan in mirrored
            if row.provider_status is not None
        },
        "payments": {
            row.provider_payment_id: (row.provider_status, row.amount_cents, row.tax_cents, row.refunded_cents)
            for row in session.query(Payment).filter_by(user_id=user_id)
        },
        "refunds": {
            row.provider_refund_id: (row.status.lower(), row.amount_cents)
            for row in session.query(Refund).filter_by(user_id=user_id)
        },
        "disputes": {
            row.provider_dispute_id: (row.status, row.amount_cents)
            for row in session.query(Dispute).filter_by(user_id=user_id)
        },
        "credits": {
            row.provider_entry_id: (row.kind, int(row.amount), int(row.balance_after))
            for row in session.query(Credit).filter_by(user_id=user_id)
        },
    }


def truth(history: History, known: dict[str, Any]) -> dict[str, Any]:
    """Return what the books say; a payment that waits for the customer was never reported."""
    books = history.books
    refunded = {
        payment_id: sum(
            each.amount_cents
            for each in books.refunds.values()
            if each.payment_id == payment_id and each.status == "succeeded"
        )
        for payment_id in books.payments
    }
    return {
        "current": [history.plan()],
        "subscriptions": {
            id_: (
                str(each.status),
                SLUGS[each.product_id],
                each.previous_billing_at,
                each.next_billing_at,
                each.cancel_at_next_billing_date,
                each.scheduled_change.effective_at if each.scheduled_change else None,
            )
            for id_, each in books.subscriptions.items()
            if each.status != "pending" or id_ in known["subscriptions"]
        },
        "payments": {
            id_: (str(each.status), each.total_cents, each.tax_cents, refunded[id_])
            for id_, each in books.payments.items()
        },
        "refunds": {
            id_: (each.status, each.amount_cents)
            for id_, each in books.refunds.items()
            if each.status != "pending" or id_ in known["refunds"]
        },
        "disputes": {id_: (each.status, each.amount_cents) for id_, each in books.disputes.items()},
        "credits": {id_: (each.kind, each.amount, each.balance_after) for id_, each in books.credits.items()},
    }


@pytest.mark.proof
def test_our_rows_end_with_what_the_provider_says(
    billing_of: Callable[[Books], Billing], billing_engine: Engine
) -> None:
    killer = Killer(billing_engine)
    try:
        for seed in seeds(500):
            check(seed, billing_of, killer)
            delete_rows(billing_engine)  # the job below sees the rows of every user
    finally:
        killer.remove()


def check(seed: int, billing_of: Callable[[Books], Billing], killer: Killer) -> None:
    user = billing_of(Books()).create_user(email=f"mara-{seed}@example.com")
    history = History(seed, metadata={"user_id": str(user.id)}, email=f"mara-{seed}@example.com")
    billing = billing_of(history.books)
    mail = Mail(history)
    history.step()
    while len(history.books.events) < 4 or history.chance.random() < 0.9:
        history.step()
        take(billing, history, killer, mail.some())
    take(billing, history, killer, mail.rest())
    finish(billing)
    billing.job().end_due(history.books.now())  # no event reports that a cancelled subscription's period is over
    with Session(billing.engine) as session:
        found = ours(session, user.id)
        states = {row.state for row in session.query(WebhookEvent)}
    assert found == truth(history, found), (seed, history.steps)
    assert states == {"PROCESSED"}
