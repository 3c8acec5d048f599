"""The reconciliation with the stand-in, over HTTP and on a real database, without any webhook."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT
from tests.fixtures.database import Database
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tools.plans import connect_plans
from whyviral.accounts import repository as accounts_repository
from whyviral.accounts.models import CURRENT_STATUSES, Plan, Subscription, User
from whyviral.analytics.models import AppLog
from whyviral.billing.models import Dispute, Payment, Refund
from whyviral.billing.reconciliation import OutOfTime, Reconciliation
from whyviral.core.clock import utc_now
from whyviral.core.database import session_scope
from whyviral.core.endpoints import Endpoints
from whyviral.core.logging import build_logger
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.vendor_calls.calls import CallCollector as _Calls
from whyviral.vendor_calls.models import ExternalApiCallLog

_LONG_AGO = timedelta(days=365)


def connect(calls: CallRecorder) -> DodoClient:
    return DodoClient(API_KEY, mode=DodoMode.TEST, calls=calls, read_timeout_s=WAIT_S, send_timeout_s=WAIT_S)


@dataclass(frozen=True, slots=True)
class Shop:
    """One user, our database, and their customer at the stand-in."""

    database: Database
    stand_ins: StandInsClient
    user_id: uuid.UUID

    def subscribe(self, product_id: str = PRO_PRODUCT, *, user_id: str | None = None) -> str:
        body = {
            "product_cart": [{"product_id": product_id, "quantity": 1}],
            "customer": {"email": "nobody-knows@example.com", "name": "Mara"},
            "metadata": {"user_id": user_id or str(self.user_id)},
        }
        answer = self.stand_ins.http.post("/dodo/checkouts", json=body, headers={"Authorization": f"Bearer {API_KEY}"})
        session_id = answer.raise_for_status().json()["session_id"]
        paid = self.stand_ins.control(f"dodo/checkouts/{session_id}/pay", {"outcome": "succeeded"})
        subscription_id: str = paid["subscription_id"]
        return subscription_id

    def change(self, subscription_id: str, **fields: Any) -> None:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        self.stand_ins.http.patch(
            f"/dodo/subscriptions/{subscription_id}", json=fields, headers=headers
        ).raise_for_status()

    def reconcile(self, *, repairs: bool, since: datetime | None = None, **options: Any) -> Reconciliation:
        run = Reconciliation(self.database.engine, connect, utc_now, build_logger("test"), repairs=repairs, **options)
        run.run(since or utc_now() - _LONG_AGO)
        return run

    def plan(self) -> str:
        with session_scope(self.database.engine) as session:
            return session.scalars(
                select(Plan.slug)
                .join(Subscription, Subscription.plan_id == Plan.id)
                .where(Subscription.user_id == self.user_id, Subscription.status.in_(CURRENT_STATUSES))
            ).one()


@pytest.fixture
def shop(fresh_database: Callable[[], Database], stand_ins: StandInsClient, local_endpoints: Endpoints) -> Shop:
    database = fresh_database()
    connect_plans(database.engine, {"pro": PRO_PRODUCT, "business": BUSINESS_PRODUCT})
    with session_scope(database.engine) as session:
        user = User(clerk_user_id="user_1", email="mara@example.com")
        session.add(user)
        session.flush()
        accounts_repository.insert_subscription(session, user.id, plan_slug="free")
        return Shop(database, stand_ins, user.id)


def kinds(run: Reconciliation) -> list[str]:
    return sorted(difference.subject.kind for difference in run.differences)


def test_what_no_webhook_told_us_is_printed_and_changes_nothing(shop: Shop) -> None:
    shop.subscribe()

    run = shop.reconcile(repairs=False)

    assert kinds(run) == ["payment", "subscription"]
    assert [str(each).split(": ", 1)[1] for each in run.differences] == ["row: known at Dodo, missing here"] * 2
    assert shop.plan() == "free"
    assert run.results() == {
        "objects_compared": 2,
        "differences_found": 2,
        "differences_repaired": 0,
        "differences_left": 2,
    }


def test_a_repair_makes_our_rows_what_dodo_has(shop: Shop) -> None:
    subscription_id = shop.subscribe()
    assert shop.reconcile(repairs=True).results()["differences_left"] == 0
    assert shop.plan() == "pro"
    payment_id = next(connect(_Calls()).list_payments()).payment_id
    connect(_Calls()).create_refund(payment_id, reason="asked", metadata={}, amounts={PRO_PRODUCT: 700})
    shop.stand_ins.control("dodo/disputes", {"payment_id": payment_id})
    connect(_Calls()).change_plan(subscription_id, product_id=BUSINESS_PRODUCT)
    shop.change(subscription_id, cancel_at_next_billing_date=True)

    run = shop.reconcile(repairs=True)

    assert kinds(run) == ["dispute", "payment", "refund", "subscription"]
    (changed,) = [each for each in run.differences if each.subject.kind == "subscription"]
    assert changed.fields == {"product": (BUSINESS_PRODUCT, PRO_PRODUCT), "cancels": (True, False)}
    assert str(changed).endswith("repaired")
    assert shop.plan() == "business"
    with Session(shop.database.engine) as session:
        assert session.scalars(select(Refund.amount_cents)).all() == [700]
        assert session.scalars(select(Payment.refunded_cents).where(Payment.charge_type == "new")).all() == [700]
        assert session.scalars(select(Dispute.amount_cents)).all() == [1_900]
    assert shop.reconcile(repairs=True).differences == []


def test_a_row_that_grants_a_plan_without_a_reason_is_repaired(shop: Shop) -> None:
    subscription_id = shop.subscribe()
    shop.reconcile(repairs=True)
    shop.change(subscription_id, status="paused")
    shop.reconcile(repairs=True)
    assert shop.plan() == "free"
    with session_scope(shop.database.engine) as session:
        session.execute(update(Subscription).where(Subscription.provider.is_(None)).values(status="EXPIRED"))
        paused = Subscription.provider_subscription_id == subscription_id
        session.execute(update(Subscription).where(paused).values(status="ACTIVE"))

    run = shop.reconcile(repairs=True)

    assert [dict(each.fields) for each in run.differences] == [{"grants_a_plan": (False, True)}]
    assert shop.plan() == "free"


def test_of_two_paid_subscriptions_one_may_grant_nothing(shop: Shop) -> None:
    shop.subscribe()
    shop.subscribe(BUSINESS_PRODUCT)
    shop.reconcile(repairs=True)

    assert shop.reconcile(repairs=True).differences == []
    assert shop.plan() == "business"


def test_a_subscription_that_dodo_does_not_know_is_left_to_a_person(shop: Shop) -> None:
    subscription_id = shop.subscribe()
    shop.reconcile(repairs=True)
    shop.stand_ins.reset()

    run = shop.reconcile(repairs=True)

    assert [str(each) for each in run.differences] == [
        f"subscription {subscription_id}: subscription: missing at Dodo, known here; not repaired: OnlyByHand"
    ]
    assert shop.plan() == "pro"


def test_an_object_without_an_owner_stops_nothing(shop: Shop) -> None:
    shop.subscribe(user_id=str(uuid.uuid4()))
    shop.stand_ins.control("dodo/policy", {"tax_percent": 0})

    run = shop.reconcile(repairs=True)

    assert {each.error for each in run.differences} == {"OwnerUnknown"}
    assert run.results()["differences_left"] == 2
    with Session(shop.database.engine) as session:
        levels = session.scalars(select(AppLog.level).where(AppLog.event == "differs_from_dodo")).all()
    assert levels == ["ERROR", "ERROR"]


def test_old_payments_are_not_compared_but_all_subscriptions_are(shop: Shop) -> None:
    shop.subscribe()

    run = shop.reconcile(repairs=False, since=utc_now() + timedelta(hours=1))

    assert kinds(run) == ["subscription"]


def test_a_run_out_of_time_says_so(shop: Shop) -> None:
    shop.subscribe()

    with pytest.raises(OutOfTime):
        shop.reconcile(repairs=True, stop_at_mono_s=0)


def test_every_call_is_logged(shop: Shop) -> None:
    shop.subscribe()
    shop.reconcile(repairs=True)

    with Session(shop.database.engine) as session:
        operations = session.scalars(select(ExternalApiCallLog.operation)).all()
    assert sorted(set(operations)) == [
        "GET /disputes",
        "GET /payments",
        "GET /payments/{id}",
        "GET /refunds",
        "GET /subscriptions",
        "GET /subscriptions/{id}",
    ]
