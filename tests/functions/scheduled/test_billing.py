"""BillingFunction as Lambda imports it, against Dodo's stand-in."""

import importlib
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from local.database import product
from local.database.postgres import Postgres
from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import PRO_PRODUCT
from tests.factories import create_subscription, create_user
from tests.fixtures.stand_ins import StandInsClient
from whyviral.accounts.models import Plan, Subscription, User
from whyviral.billing.daily_job import RowsFailed
from whyviral.core.database import build_engine, session_scope
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.jobs.models import JobRun
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.models import ExternalApiCallLog

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
CONTEXT = SimpleNamespace(
    function_name="billing", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id=str(uuid.uuid4())
)


@pytest.fixture(scope="module")
def engine(postgres: Postgres, template: str) -> Iterator[Engine]:
    product.create_database(postgres, "scheduled", template=template)
    engine = build_engine(product.app_url(postgres, "scheduled"), pool_size=2)
    with session_scope(engine) as session:
        session.scalars(select(Plan).where(Plan.slug == "pro")).one().provider_product_id = PRO_PRODUCT
    yield engine
    engine.dispose()


@pytest.fixture
def function(
    postgres: Postgres, engine: Engine, monkeypatch: pytest.MonkeyPatch, local_endpoints: Endpoints
) -> Iterator[ModuleType]:
    monkeypatch.setenv("SUPABASE_DB_URL", product.app_url(postgres, "scheduled"))
    monkeypatch.setenv("DODO_API_KEY", API_KEY)
    monkeypatch.setenv("DODO_MODE", "test")
    sys.modules.pop("functions.scheduled.billing", None)
    module = importlib.import_module("functions.scheduled.billing")
    yield module
    module._engine.dispose()
    with session_scope(engine) as session:
        for model in (JobRun, ExternalApiCallLog, Subscription, User):
            session.execute(delete(model))


@pytest.fixture
def ended(engine: Engine, stand_ins: StandInsClient, local_endpoints: Endpoints) -> User:
    """A user whose subscription has ended at Dodo, without an event."""
    with session_scope(engine) as session:
        user = create_user(session)
        create_subscription(session, user, status="EXPIRED")
    client = DodoClient(API_KEY, mode=DodoMode.TEST, calls=CallCollector())
    checkout = client.create_checkout(
        product_id=PRO_PRODUCT,
        customer={"email": str(user.email), "name": "Mara"},
        metadata={"user_id": str(user.id)},
        return_url="https://app.example.com/",
        cancel_url="https://app.example.com/",
    )
    paid = stand_ins.control(f"dodo/checkouts/{checkout.session_id}/pay", {"outcome": "succeeded"})
    client.schedule_cancellation(paid["subscription_id"])
    stand_ins.control("dodo/clock", {"to_next_billing_of": paid["subscription_id"]})
    with session_scope(engine) as session:
        create_subscription(
            session,
            user,
            plan="pro",
            status="CANCELING",
            provider="DODO",
            provider_status="active",
            provider_subscription_id=paid["subscription_id"],
            provider_updated_at=MIDNIGHT - timedelta(days=30),
            provider_digest="of an event",
            cancel_at_period_end=True,
            current_period_start=MIDNIGHT - timedelta(days=30),
            current_period_end=MIDNIGHT - timedelta(days=1),
        )
    return user


def run(function: ModuleType, job: str, *, at: datetime = MIDNIGHT) -> Any:
    return function.handler({"scheduled_at": at.isoformat(), "job": job}, CONTEXT)["results"]


def plan_of(engine: Engine, user: User) -> tuple[str, str]:
    current = select(Plan.slug, Subscription.status).join(Subscription, Subscription.plan_id == Plan.id)
    with Session(engine) as session:
        slug, status = session.execute(
            current.where(Subscription.user_id == user.id, Subscription.status.in_(("ACTIVE", "CANCELING")))
        ).one()
    return slug, status


def test_the_daily_job_asks_dodo_and_ends_what_is_over_once(function: ModuleType, engine: Engine, ended: User) -> None:
    assert plan_of(engine, ended) == ("pro", "CANCELING")

    assert run(function, "billing")["subscriptions_checked"] == 1
    assert plan_of(engine, ended) == ("free", "ACTIVE")
    assert run(function, "billing")["subscriptions_checked"] == 0  # this midnight is done

    with Session(engine) as session:
        calls = session.execute(select(ExternalApiCallLog.provider, ExternalApiCallLog.user_id)).all()
        runs = session.execute(select(JobRun.job, JobRun.due_at, JobRun.state)).all()
    assert [tuple(call) for call in calls] == [("dodo", ended.id)]
    assert [tuple(row) for row in runs] == [("billing", MIDNIGHT, "SUCCEEDED")]


def test_while_dodo_is_down_the_run_fails_and_its_retry_succeeds(
    function: ModuleType, engine: Engine, ended: User, stand_ins: StandInsClient
) -> None:
    stand_ins.fault("dodo", "status", status=503, times=2)  # a read is tried twice

    with pytest.raises(RowsFailed):
        run(function, "billing")
    assert plan_of(engine, ended) == ("pro", "CANCELING")
    run(function, "billing")

    assert plan_of(engine, ended) == ("free", "ACTIVE")


def test_three_missed_days_are_run_together(function: ModuleType, engine: Engine) -> None:
    for days in (0, 4):
        run(function, "billing", at=MIDNIGHT + timedelta(days=days))

    with Session(engine) as session:
        runs = session.scalars(select(JobRun.due_at).order_by(JobRun.due_at)).all()
    assert [(due_at - MIDNIGHT).days for due_at in runs] == [0, 1, 2, 3, 4]


def test_the_other_job_catches_nothing_up(function: ModuleType, engine: Engine) -> None:
    for minutes in (0, 60):
        run(function, "billing_ends", at=MIDNIGHT + timedelta(minutes=minutes))

    with Session(engine) as session:
        assert len(session.scalars(select(JobRun.id)).all()) == 2
