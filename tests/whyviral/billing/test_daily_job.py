"""The daily job: what it does when events never came, and what a second run or missed days change."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from local.stand_ins.dodo.business import checkouts, passage, plan_changes, subscriptions
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT, Books
from local.stand_ins.dodo.business.clock import VirtualClock
from tests.whyviral.billing.conftest import Billing, at
from whyviral.accounts.models import Subscription, SubscriptionStatus, User
from whyviral.admin.scheduled_job import run_once
from whyviral.admin.user_data import delete_user
from whyviral.billing.daily_job import RowsFailed, list_days
from whyviral.billing.models import Invoice, Payment, PaymentMethod
from whyviral.core.database import session_scope
from whyviral.webhooks.models import WebhookEvent

JOB = "billing"


def buy(billing: Billing, user: User, product_id: str = PRO_PRODUCT) -> str:
    checkout = checkouts.create_checkout(
        billing.books, product_id=product_id, email=str(user.email), name="Mara", metadata={"user_id": str(user.id)}
    )
    payment = checkouts.pay(billing.books, checkout.session_id)
    billing.deliver()
    return payment.subscription_id


def run(billing: Billing, **options: Any) -> dict[str, int]:
    """Run the job for the coming midnight, as the scheduler does."""
    return billing.job(**options).run(billing.books.now())


@pytest.fixture
def billing(billing_of: Callable[[Books], Billing]) -> Billing:
    return billing_of(Books(clock=VirtualClock(at("2028-01-31T10:00:00Z"))))


def test_a_lost_end_of_a_cancellation_is_found(billing: Billing) -> None:
    user = billing.create_user()
    subscription = buy(billing, user)
    subscriptions.schedule_cancellation(billing.books, subscription)
    billing.deliver("subscription.updated")
    assert billing.plan_and_status(user) == ("pro", "CANCELING")

    passage.advance(billing.books, timedelta(days=32))  # its events are lost
    run(billing)

    assert billing.plan_and_status(user) == ("free", "ACTIVE")


def test_a_lost_downgrade_is_found(billing: Billing) -> None:
    user = billing.create_user()
    subscription = buy(billing, user, BUSINESS_PRODUCT)
    plan_changes.schedule(billing.books, subscription, PRO_PRODUCT)
    billing.deliver("subscription.updated")

    passage.advance(billing.books, timedelta(days=32))
    run(billing)

    assert billing.plan_and_status(user) == ("pro", "ACTIVE")


def test_a_subscription_that_was_cancelled_at_once_keeps_its_plan_until_its_period_ends(billing: Billing) -> None:
    user = billing.create_user()
    subscriptions.cancel_now(billing.books, buy(billing, user))
    billing.deliver()
    assert billing.plan_and_status(user) == ("pro", "CANCELING")

    passage.advance(billing.books, timedelta(days=27))
    run(billing)
    assert billing.plan_and_status(user) == ("pro", "CANCELING")
    passage.advance(billing.books, timedelta(days=2))
    billing.job().end_due(billing.books.now())

    assert billing.plan_and_status(user) == ("free", "ACTIVE")


def test_the_provider_decides_and_not_the_date(billing: Billing) -> None:
    user = billing.create_user()
    subscription = buy(billing, user)
    passage.advance(billing.books, timedelta(days=40))  # renewed; the event is lost

    run(billing)

    assert billing.plan_and_status(user) == ("pro", "ACTIVE")
    (row,) = [row for row in billing.rows(Subscription) if row.provider_subscription_id == subscription]
    assert (row.current_period_start, row.current_period_end) == (
        at("2028-02-29T10:00:00Z"),  # the 31st does not exist in February, and 2028 is a leap year
        at("2028-03-31T10:00:00Z"),
    )


def test_a_second_run_changes_nothing(billing: Billing) -> None:
    user = billing.create_user()
    subscriptions.schedule_cancellation(billing.books, buy(billing, user))
    billing.deliver()
    passage.advance(billing.books, timedelta(days=32))
    run(billing)
    before = [(row.status, row.provider_status, row.plan_id) for row in billing.rows(Subscription)]

    run(billing)

    assert [(row.status, row.provider_status, row.plan_id) for row in billing.rows(Subscription)] == before


def test_one_row_that_fails_does_not_stop_the_others(billing: Billing) -> None:
    users = [billing.create_user() for _ in range(3)]
    bought = [buy(billing, user) for user in users]
    for subscription in bought:
        subscriptions.schedule_cancellation(billing.books, subscription)
    billing.deliver()
    passage.advance(billing.books, timedelta(days=32))

    with pytest.raises(RowsFailed):
        run(billing, unreachable=frozenset({bought[1]}))
    assert [billing.plan_and_status(user)[0] for user in users] == ["free", "pro", "free"]
    run(billing)

    assert [billing.plan_and_status(user)[0] for user in users] == ["free", "free", "free"]


def test_a_paid_checkout_whose_events_are_lost_is_found(billing: Billing) -> None:
    user = billing.create_user()
    checkout = checkouts.create_checkout(
        billing.books, product_id=PRO_PRODUCT, email=str(user.email), name="Mara", metadata={"user_id": str(user.id)}
    )
    with session_scope(billing.engine) as session:
        plan_id = session.query(Subscription).filter_by(user_id=user.id).one().plan_id
        session.add(
            Subscription(
                user_id=user.id,
                plan_id=plan_id,
                status=SubscriptionStatus.PENDING,
                provider="DODO",
                checkout_session_id=checkout.session_id,
                created_at=billing.books.now(),
            )
        )
    checkouts.pay(billing.books, checkout.session_id)
    passage.advance(billing.books, timedelta(days=2))

    run(billing)

    assert billing.plan_and_status(user) == ("pro", "ACTIVE")


def test_the_subscription_of_a_deleted_account_is_ended_and_its_payments_stay(billing: Billing) -> None:
    user = billing.create_user()
    subscription = buy(billing, user)
    with session_scope(billing.engine) as session:
        delete_user(session, user.clerk_user_id, now=billing.books.now())
    job = billing.job()

    job.end_due(billing.books.now())
    billing.deliver()

    assert billing.books.subscriptions[subscription].status == "cancelled"
    assert job.end_due(billing.books.now())["subscriptions_ended"] == 1  # not again
    assert [event.payload for event in billing.rows(WebhookEvent)] == [None] * len(billing.books.events)
    assert counts(billing) == {"payments": 1, "invoices": 1, "payment_methods": 0}


def counts(billing: Billing) -> dict[str, int]:
    return {model.__tablename__: len(billing.rows(model)) for model in (Payment, Invoice, PaymentMethod)}


@pytest.mark.parametrize(("missed", "days"), [(0, 1), (3, 4), (60, 32)])
def test_missed_days_are_caught_up(billing_engine: Engine, missed: int, days: int) -> None:
    last, now = at("2028-02-27T00:00:00Z"), at("2028-02-27T00:00:00Z") + timedelta(days=missed + 1)
    job = f"{JOB} {missed}"
    run_once(billing_engine, job, last, dict, clock=lambda: last)
    with Session(billing_engine) as session:
        due = list_days(session, job, now)
    assert (len(due), due[-1]) == (days, now)
    for day in due:
        assert run_once(billing_engine, job, day, lambda: {"rows": 0}, clock=lambda: now) is not None
        assert run_once(billing_engine, job, day, lambda: {"rows": 0}, clock=lambda: now) is None

    with Session(billing_engine) as session:
        assert list_days(session, job, now) == [now]
