"""ReconciliationFunction as Lambda imports it, with the stand-in and a real database."""

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT
from tests.factories import create_subscription, create_user
from tests.fixtures.database import Database
from tests.fixtures.stand_ins import StandInsClient
from tools.plans import connect_plans
from whyviral.accounts.models import Subscription
from whyviral.core.database import session_scope
from whyviral.core.endpoints import Endpoints
from whyviral.jobs.models import JobRun

_MODULE = "functions.scheduled.reconciliation"
_EVENT = {"scheduled_at": "2026-11-30T09:37:00Z"}
_CONTEXT: Any = SimpleNamespace(
    function_name="reconciliation", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request-1"
)


@pytest.fixture
def database(fresh_database: Callable[[], Database]) -> Database:
    database = fresh_database()
    connect_plans(database.engine, {"pro": PRO_PRODUCT, "business": BUSINESS_PRODUCT})
    return database


@pytest.fixture
def function(database: Database, local_endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setenv("SUPABASE_DB_URL", database.url)
    monkeypatch.setenv("DODO_API_KEY", API_KEY)
    monkeypatch.setenv("DODO_MODE", "test")
    module = importlib.import_module(_MODULE)
    yield module
    module._engine.dispose()
    del sys.modules[_MODULE]


def subscribe(stand_ins: StandInsClient, email: str) -> None:
    body = {"product_cart": [{"product_id": PRO_PRODUCT, "quantity": 1}], "customer": {"email": email}}
    answer = stand_ins.http.post("/dodo/checkouts", json=body, headers={"Authorization": f"Bearer {API_KEY}"})
    session_id = answer.raise_for_status().json()["session_id"]
    stand_ins.control(f"dodo/checkouts/{session_id}/pay", {"outcome": "succeeded"})


def test_the_weekly_run_repairs_our_rows_once(
    function: ModuleType, database: Database, stand_ins: StandInsClient
) -> None:
    with session_scope(database.engine) as session:
        create_subscription(session, create_user(session, email="mara@example.com", email_verified=True))
    subscribe(stand_ins, "mara@example.com")

    first, second = function.handler(_EVENT, _CONTEXT), function.handler(_EVENT, _CONTEXT)

    assert first["results"] == {
        "objects_compared": 2,
        "differences_found": 2,
        "differences_repaired": 2,
        "differences_left": 0,
    }
    assert second == {"results": None}
    with Session(database.engine) as session:
        found = session.scalars(select(Subscription.provider_status).where(Subscription.provider.is_not(None)))
        assert found.all() == ["active"]


def test_a_difference_that_cannot_be_repaired_fails_the_run(
    function: ModuleType, database: Database, stand_ins: StandInsClient
) -> None:
    subscribe(stand_ins, "unknown@example.com")

    with pytest.raises(function.DifferencesLeft, match="2 of 2 objects differ"):
        function.handler(_EVENT, _CONTEXT)

    with Session(database.engine) as session:
        assert session.scalars(select(JobRun.error)).all() == ["DifferencesLeft"]
