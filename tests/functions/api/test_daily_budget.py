"""The daily budget, and the share of it for Free users."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI
from sqlalchemy import delete
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_post, create_request
from tests.fakes.workflow import FakeWorkflow
from tests.functions.api.conftest import POST_URL, SignedIn, replace_services
from whyviral.analysis.models import PostState, RequestStatus
from whyviral.vendor_calls.models import DailySpend

PATH = "/api/analysis/analyze/"
BODY = {"post_urls": [POST_URL]}
NOW = datetime(2026, 11, 23, 21, 30, 0, tzinfo=UTC)
UNTIL_MIDNIGHT_S = 2.5 * 3600

type Spend = Callable[..., None]


@pytest.fixture
def spend(app: FastAPI, rows: Session) -> Iterator[Spend]:
    """Return a function that sets the cost of the test's day, with a budget of ten dollars."""
    replace_services(app, clock=lambda: NOW, max_cost_usd_per_day=Decimal(10))

    def spend(spent: str, reserved: str = "0", *, now: datetime = NOW) -> None:
        rows.add(DailySpend(day=now.date(), spent_usd=Decimal(spent), reserved_usd=Decimal(reserved)))
        rows.commit()

    yield spend
    rows.rollback()
    rows.execute(delete(DailySpend))
    rows.commit()


@pytest.mark.parametrize(
    ("spent", "reserved", "status"),
    [
        ("9.999999", "0", 202),
        ("5", "4.999999", 202),
        ("10", "0", 503),
        ("6", "4", 503),
        ("0", "10", 503),
        ("10.000001", "0", 503),
        ("1000", "0", 503),
    ],
)
def test_no_analysis_is_accepted_once_the_daily_budget_is_used_up(
    client: TestClient, free_user: SignedIn, spend: Spend, spent: str, reserved: str, status: int
) -> None:
    spend(spent, reserved)

    assert client.post(PATH, json=BODY, headers=free_user.headers).status_code == status


def test_the_budget_refusal_has_retry_after_and_nothing_is_counted(
    client: TestClient,
    free_user: SignedIn,
    spend: Spend,
    workflow: FakeWorkflow,
    count_rows: Callable[[], dict[str, int]],
) -> None:
    spend("10")
    before = count_rows()

    reply = client.post(PATH, json=BODY, headers=free_user.headers | {"Idempotency-Key": "key"})

    assert reply.status_code == 503
    assert float(reply.headers["Retry-After"]) == UNTIL_MIDNIGHT_S
    assert reply.json() == {
        "error": "No more posts can be analysed today. Try again after midnight UTC.",
        "code": "spend_limit_reached",
        "request_id": reply.headers["X-Request-Id"],
    }
    assert count_rows() == before
    assert workflow.started == []


def test_no_retry_is_accepted_once_the_daily_budget_is_used_up(
    client: TestClient, free_user: SignedIn, spend: Spend, rows: Session, workflow: FakeWorkflow
) -> None:
    request = create_request(
        rows, free_user.user, [create_post(rows)], status=RequestStatus.FAILED, state=PostState.FAILED
    )
    rows.commit()
    spend("10")

    reply = client.post(f"/api/analysis/requests/{request.id}/retry/", headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (503, "spend_limit_reached")
    rows.refresh(request)
    assert (request.status, request.attempt, request.retry_count, workflow.started) == ("FAILED", 1, 0, [])


def test_each_day_has_its_own_budget(client: TestClient, free_user: SignedIn, spend: Spend) -> None:
    spend("10", now=datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))

    assert client.post(PATH, json=BODY, headers=free_user.headers).status_code == 202


@pytest.mark.parametrize(
    ("plan", "cost", "created_at", "status"),
    [
        ("free", ("1.999999", "0"), NOW, 202),
        ("free", ("2", "0"), NOW, 503),
        ("free", ("1", "1"), NOW, 503),
        ("pro", ("2", "0"), NOW, 202),
        ("free", ("2", "0"), NOW - timedelta(days=1), 202),
    ],
)
def test_free_users_together_may_use_their_share_of_the_daily_budget(
    client: TestClient,
    sign_in: Callable[..., SignedIn],
    spend: Spend,
    rows: Session,
    plan: str,
    cost: tuple[str, str],
    created_at: datetime,
    status: int,
) -> None:
    another = sign_in("free")
    request = create_request(rows, another.user, [create_post(rows)])
    request.cost_usd, request.reserved_usd = (Decimal(part) for part in cost)
    request.created_at = created_at
    rows.commit()
    spend(*cost)

    reply = client.post(PATH, json=BODY, headers=sign_in(plan).headers)

    request.created_at = NOW - timedelta(days=365)  # out of the day of other tests, which use the same database
    rows.commit()
    assert (reply.status_code, reply.json().get("code")) == (status, "free_share_reached" if status == 503 else None)


def test_the_cost_of_paying_users_does_not_count_towards_the_free_share(
    client: TestClient, sign_in: Callable[..., SignedIn], free_user: SignedIn, spend: Spend, rows: Session
) -> None:
    request = create_request(rows, sign_in("business").user, [create_post(rows)])
    request.cost_usd, request.created_at = Decimal(9), NOW
    rows.commit()
    spend("9")

    assert client.post(PATH, json=BODY, headers=free_user.headers).status_code == 202


def test_an_accepted_call_is_answered_again_after_the_budget_is_used_up(
    client: TestClient, free_user: SignedIn, spend: Spend
) -> None:
    headers = free_user.headers | {"Idempotency-Key": "key"}
    first = client.post(PATH, json=BODY, headers=headers)
    spend("10")

    again = client.post(PATH, json=BODY, headers=headers)

    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)


def test_an_invalid_call_is_reported_even_if_the_budget_is_used_up(
    client: TestClient, free_user: SignedIn, spend: Spend
) -> None:
    spend("10")

    reply = client.post(PATH, json={"post_urls": ["https://example.com/"]}, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_post_urls")


def test_the_refusal_is_documented(client: TestClient) -> None:
    documented = client.get("/openapi.json").json()["paths"][PATH]["post"]["responses"]["503"]

    assert "`spend_limit_reached`" in documented["description"]
    assert "Retry-After" in documented["headers"]
