"""Events one by one: every type, several deliveries at once, kills in the middle, and what cannot be handled."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from local.stand_ins.dodo.business import checkouts, refunds, subscriptions
from local.stand_ins.dodo.business.books import PRO_PRODUCT, Books, Event
from local.stand_ins.dodo.samples import Buyer, sample
from tests.fixtures.proof_scale import scaled
from tests.whyviral.billing.conftest import TABLES, Billing
from whyviral.accounts.models import Subscription, User
from whyviral.analytics.models import AppLog
from whyviral.billing.mirror.owners import OwnerUnknown
from whyviral.billing.mirror.subscriptions import UnknownProduct
from whyviral.billing.models import Payment, PaymentMethod, Refund
from whyviral.core.database import session_scope
from whyviral.integrations.dodo.events import EventType, UnreadableEvent
from whyviral.webhooks import inbox
from whyviral.webhooks.models import WebhookEvent

TABLE_OF = {
    "subscription": "subscriptions",
    "payment": "payments",
    "refund": "refunds",
    "dispute": "disputes",
    "credit": "credits",
}
"""The table in which an event leaves a row, by the first part of its type."""
WITHOUT_ROW = {EventType.CREDIT_BALANCE_LOW, "subscription.invented"}
_COUNTED = [model for model in TABLES if model not in (User, AppLog, WebhookEvent)]


def contents(engine: Engine) -> dict[str, list[str]]:
    """Return the rows of billing without their ids and times of ours."""
    with Session(engine) as session:
        return {
            model.__tablename__: sorted(
                json.dumps(
                    {
                        column.name: str(getattr(row, column.key))
                        for column in model.__table__.columns
                        if column.name
                        not in ("id", "created_at", "updated_at", "started_at", "duration_ms", "payment_id")
                    }
                )
                for row in session.query(model)
            )
            for model in _COUNTED
        }


def sampled(billing_of: Callable[[Books], Billing], event_type: str) -> tuple[Billing, Event, User]:
    user = billing_of(Books()).create_user()
    buyer = Buyer(str(user.email), "Mara Lind", {"user_id": str(user.id)})
    found, books = sample(event_type, buyer, now=datetime.now(UTC))
    return billing_of(books), found, user


@pytest.mark.parametrize("event_type", [*EventType, "subscription.canceled", "subscription.invented", "invented.type"])
def test_three_deliveries_at_once_have_one_effect(billing_of: Callable[[Books], Billing], event_type: str) -> None:
    billing, found, user = sampled(billing_of, event_type)

    def deliver(_: int) -> None:
        stored = billing.receive(found.as_json(), event_id=found.id)
        if stored is not None:
            billing.process(stored)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(deliver, range(3)))

    once = contents(billing.engine)
    deliver(3)
    assert contents(billing.engine) == once
    (stored,) = billing.rows(WebhookEvent)
    if event_type == EventType.LICENSE_KEY_CREATED:
        assert (stored.state, stored.payload) == ("IGNORED", None)
    else:
        assert (stored.state, stored.attempts, stored.payload) == ("PROCESSED", 1, found.as_json())
    table = None if event_type in WITHOUT_ROW else TABLE_OF.get(event_type.partition(".")[0])
    own = {name: rows for name, rows in once.items() if name not in ("external_api_call_logs", "authentication_logs")}
    if table is None:
        assert {name: len(rows) for name, rows in own.items() if rows} == {"subscriptions": 1}
    elif table == "subscriptions":
        assert len(own["subscriptions"]) == 2
    else:
        assert len(own[table]) == 1
    billing.plan_and_status(user)  # one current subscription, always


@pytest.fixture
def bought(billing_of: Callable[[Books], Billing]) -> tuple[Billing, User, str]:
    billing = billing_of(Books())
    user = billing.create_user()
    checkout = checkouts.create_checkout(
        billing.books, product_id=PRO_PRODUCT, email=str(user.email), name="Mara", metadata={"user_id": str(user.id)}
    )
    return billing, user, checkouts.pay(billing.books, checkout.session_id).subscription_id


def test_a_refund_that_arrives_before_its_payment_brings_the_payment(bought: tuple[Billing, User, str]) -> None:
    billing, user, _ = bought
    (payment_id,) = billing.books.payments
    refunds.refund(billing.books, payment_id, amount_cents=500)

    billing.deliver("refund.succeeded")

    (payment,) = billing.rows(Payment)
    assert (payment.user_id, payment.status, payment.refunded_cents) == (user.id, "SUCCEEDED", 500)
    (refund,) = billing.rows(Refund)
    assert (refund.payment_id, refund.amount_cents) == (payment.id, 500)
    assert [log.event for log in billing.rows(AppLog) if log.level == "WARNING"] == ["refund_reported"]
    assert billing.plan_and_status(user) == ("free", "ACTIVE")


def test_an_unknown_product_fails_the_event_until_the_plan_is_connected(bought: tuple[Billing, User, str]) -> None:
    billing, user, subscription_id = bought
    billing.books.subscriptions[subscription_id].product_id = "pdt_other"
    (active,) = [each for each in billing.books.events if each.type == "subscription.active"]
    document = active.as_json()
    document["data"] = document["data"] | {"product_id": "pdt_other"}
    stored = billing.receive(document, event_id=active.id)
    assert stored is not None

    with pytest.raises(UnknownProduct):
        billing.process(stored)

    assert billing.plan_and_status(user) == ("free", "ACTIVE")
    with session_scope(billing.engine) as session:
        assert inbox.list_unfinished(session) == [stored]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"status": None}, UnreadableEvent),
        ({"next_billing_date": "soon"}, UnreadableEvent),
        ({"customer": {"customer_id": "cus_unknown", "email": "unknown@example.com"}, "metadata": {}}, OwnerUnknown),
    ],
)
def test_an_event_that_cannot_be_handled_is_kept_and_changes_nothing(
    bought: tuple[Billing, User, str], change: dict[str, Any], error: type[Exception]
) -> None:
    billing, user, _ = bought
    (active,) = [each for each in billing.books.events if each.type == "subscription.active"]
    document = active.as_json()
    document["data"] = document["data"] | change
    stored = billing.receive(document, event_id=active.id)
    assert stored is not None

    with pytest.raises(error):
        billing.process(stored)

    assert billing.plan_and_status(user) == ("free", "ACTIVE")
    assert [row.state for row in billing.rows(WebhookEvent)] == ["RECEIVED"]


def test_two_reports_of_one_moment_are_settled_by_a_fetch(bought: tuple[Billing, User, str]) -> None:
    billing, user, subscription_id = bought
    billing.deliver("subscription.active")
    subscriptions.schedule_cancellation(billing.books, subscription_id)
    active, *_, updated = [each for each in billing.books.events if each.type.startswith("subscription.")]

    stored = billing.receive(updated.as_json() | {"timestamp": active.as_json()["timestamp"]}, event_id=updated.id)
    assert stored is not None
    billing.process(stored)

    assert billing.plan_and_status(user) == ("pro", "CANCELING")
    (row,) = [each for each in billing.rows(Subscription) if each.provider is not None]
    assert row.provider_fetched_at is not None


def test_late_events_of_a_deleted_user_leave_no_name_and_order_the_end(bought: tuple[Billing, User, str]) -> None:
    billing, user, _ = bought
    with session_scope(billing.engine) as session:
        session.get_one(User, user.id).deleted_at = datetime.now(UTC)

    billing.deliver()

    assert {row.payload is None for row in billing.rows(WebhookEvent)} == {True}
    assert billing.rows(PaymentMethod) == []
    (row,) = [each for each in billing.rows(Subscription) if each.provider is not None]
    assert row.cancel_requested_at is not None


class Dying:
    """Ends every tenth transaction at its second statement, as a killed process does."""

    def __init__(self) -> None:
        self.statements = 0

    def count(self, *_: Any) -> None:
        self.statements += 1
        if self.statements % 37 == 0:
            raise KilledError


class KilledError(Exception):
    """The process ends."""


@pytest.fixture
def dying(billing_engine: Engine) -> Iterator[Dying]:
    dying = Dying()
    event.listen(billing_engine, "before_cursor_execute", dying.count)
    yield dying
    if event.contains(billing_engine, "before_cursor_execute", dying.count):
        event.remove(billing_engine, "before_cursor_execute", dying.count)


@pytest.mark.proof
def test_a_burst_of_events_with_kills_in_the_middle_loses_none(
    billing_of: Callable[[Books], Billing], billing_engine: Engine, dying: Dying
) -> None:
    burst = scaled(2_000)
    event.remove(billing_engine, "before_cursor_execute", dying.count)
    billings: list[Billing] = []
    while sum(len(each.books.events) for each in billings) < burst:
        billing = billing_of(Books())
        number = len(billings)
        counter = billing.books.new_id
        billing.books.new_id = lambda prefix, counter=counter, number=number: f"{counter(prefix)}_{number}"  # type: ignore[misc] # bound now
        user = billing.create_user()
        checkout = checkouts.create_checkout(
            billing.books,
            product_id=PRO_PRODUCT,
            email=str(user.email),
            name="Mara",
            metadata={"user_id": str(user.id)},
        )
        payment = checkouts.pay(billing.books, checkout.session_id)
        refunds.refund(billing.books, payment.payment_id, amount_cents=100)
        subscriptions.schedule_cancellation(billing.books, payment.subscription_id)
        billings.append(billing)
    event.listen(billing_engine, "before_cursor_execute", dying.count)

    def send(delivery: tuple[Billing, Event]) -> None:
        billing, each = delivery
        while True:  # the sender repeats a webhook until it is answered
            with suppress(KilledError):
                stored = billing.receive(each.as_json(), event_id=each.id)
                break
        with suppress(KilledError):  # the queue's message is lost with the process
            if stored is not None:
                billing.process(stored)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, [(billing, each) for billing in billings for each in reversed(billing.books.events)]))
    event.remove(billing_engine, "before_cursor_execute", dying.count)
    by_event = {each.id: billing for billing in billings for each in billing.books.events}
    for row in billings[0].rows(WebhookEvent):
        by_event[row.event_id].process(row.id)  # as the sweeper has it done; processed ones change nothing

    states = [row.state for row in billings[0].rows(WebhookEvent)]
    assert len(states) == sum(len(each.books.events) for each in billings)
    assert set(states) == {"PROCESSED"}
    assert {(row.amount_cents, row.refunded_cents) for row in billings[0].rows(Payment)} == {(1_900, 100)}
    current = [row.status for row in billings[0].rows(Subscription) if row.provider is not None]
    assert current == ["CANCELING"] * len(billings)
