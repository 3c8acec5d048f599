"""The admin routes, and the record of each read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_post, create_request, create_status
from tests.fixtures.database import count_statements
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn
from tests.functions.api.routes import MATRIX, address_of
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import AppLog, AuthenticationLog, EventCategory
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.webhooks.models import WebhookEvent

ADMIN = "/api/admin"


@pytest.fixture
def admin(sign_in: Callable[..., SignedIn]) -> SignedIn:
    return sign_in(is_admin=True)


def call(**columns: Any) -> ExternalApiCallLog:
    row = {"provider": "gemini", "operation": "POST /x", "started_at": datetime.now(UTC), "duration_ms": 5}
    return ExternalApiCallLog(**row | {"is_stand_in": True, "cost_usd": Decimal("0.25")} | columns)


def read(client: TestClient, admin: SignedIn, path: str, **query: Any) -> Any:
    reply = client.get(f"{ADMIN}/{path}", params=query, headers=admin.headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_user_is_found_by_address_with_their_plan(
    client: TestClient, admin: SignedIn, sign_in: Callable[..., SignedIn]
) -> None:
    wanted = sign_in("pro", email="wanted@example.com")

    page = read(client, admin, "users/", email="Wanted@Example.com")

    (found,) = page["results"]
    assert (found["id"], found["plan"], found["subscription_status"]) == (str(wanted.user.id), "pro", "ACTIVE")
    assert (page["count"], page["next"], page["previous"]) == (1, None, None)


def test_all_users_are_listed_newest_first(client: TestClient, admin: SignedIn, free_user: SignedIn) -> None:
    results = read(client, admin, "users/")["results"]

    assert [results[0]["id"], results[1]["id"]] == [str(free_user.user.id), str(admin.user.id)]


def test_a_request_is_shown_with_its_steps_calls_and_events(
    client: TestClient, admin: SignedIn, free_user: SignedIn, rows: Session
) -> None:
    request = create_request(rows, free_user.user, [create_post(rows)])
    create_status(rows, request)
    rows.add_all([call(analysis_request_id=request.id, attempt=1), call()])
    record_events(rows, Event(EventCategory.ANALYSIS, "analysis_admitted", free_user.user.id, request.id, {"urls": 1}))
    rows.commit()

    shown = read(client, admin, f"requests/{request.id}/")

    assert (shown["request"]["id"], shown["request"]["user_id"]) == (str(request.id), str(free_user.user.id))
    assert [step["stage"] for step in shown["request"]["status_history"]] == ["fetching_posts"]
    assert [post["state"] for post in shown["request"]["posts"]] == ["FETCHED"]
    assert [(made["provider"], made["cost_usd"]) for made in shown["external_calls"]] == [("gemini", 0.25)]
    assert [(event["event"], event["details"]) for event in shown["events"]] == [("analysis_admitted", {"urls": 1})]


def test_requests_are_listed_by_user_and_by_status(
    client: TestClient, admin: SignedIn, free_user: SignedIn, rows: Session
) -> None:
    failed = create_request(rows, free_user.user, status="FAILED")
    create_request(rows, free_user.user)
    rows.commit()

    page = read(client, admin, "requests/", user_id=free_user.user.id, status="FAILED")

    assert [found["id"] for found in page["results"]] == [str(failed.id)]


def test_costs_are_summed_by_day_and_vendor(client: TestClient, admin: SignedIn, rows: Session) -> None:
    provider = f"vendor_{admin.user.id.hex[:8]}"
    noon = datetime.now(UTC).replace(hour=12)
    yesterday = noon - timedelta(days=1)
    rows.add_all(
        [
            call(provider=provider, created_at=noon),
            call(provider=provider, created_at=noon, cost_usd=None, error_category="timeout"),
            call(provider=provider, created_at=yesterday, cost_usd=Decimal("1.5")),
            call(provider=provider, created_at=noon - timedelta(days=9)),
        ]
    )
    rows.commit()

    days = read(client, admin, "costs/", days=7)["results"]

    assert [day for day in days if day["provider"] == provider] == [
        {"day": f"{noon:%Y-%m-%d}", "provider": provider, "calls": 2, "failed": 1, "unpriced": 1, "cost_usd": 0.25},
        {"day": f"{yesterday:%Y-%m-%d}", "provider": provider, "calls": 1, "failed": 0, "unpriced": 0, "cost_usd": 1.5},
    ]
    assert read(client, admin, "external-calls/", provider=provider)["count"] == 3


def test_authentications_are_listed_by_user(
    client: TestClient, admin: SignedIn, free_user: SignedIn, rows: Session
) -> None:
    rows.add(AuthenticationLog(event="sign_in", outcome="refused", reason="x", user_id=free_user.user.id))
    rows.commit()

    (event,) = read(client, admin, "auth-events/", user_id=free_user.user.id)["results"]

    assert (event["event"], event["outcome"], event["reason"]) == ("sign_in", "refused", "x")


def test_webhooks_are_listed_without_their_payloads(client: TestClient, admin: SignedIn, rows: Session) -> None:
    event_id = str(admin.user.id)
    payload = {"data": {"email": "x"}}
    rows.add(
        WebhookEvent(provider="dodo", event_id=event_id, type="payment", state="FAILED", error="X", payload=payload)
    )
    rows.commit()

    webhook = next(each for each in read(client, admin, "webhooks/", state="FAILED")["results"])

    assert (webhook["event_id"], webhook["state"], webhook["error"]) == (event_id, "FAILED", "X")
    assert "payload" not in webhook


def test_each_read_of_an_administrator_is_recorded(client: TestClient, admin: SignedIn, rows: Session) -> None:
    read(client, admin, "users/", email="somebody@example.com")

    event = rows.scalars(select(AppLog).where(AppLog.user_id == admin.user.id)).one()
    assert (event.category, event.event) == ("API", "admin_read")
    assert event.details == {"path": "/api/admin/users/", "query": ["email"]}


def test_a_read_that_cannot_be_recorded_fails(
    client: TestClient, admin: SignedIn, rows: Session, api_engine: Any
) -> None:
    rows.execute(text("lock table app_logs in access exclusive mode"))

    reply = client.get(f"{ADMIN}/users/", headers=admin.headers)
    rows.rollback()

    assert reply.status_code == 503


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("costs/", {"days": 0}),
        ("costs/", {"days": 401}),
        ("costs/", {"days": "1_0"}),
        ("external-calls/", {"provider": "Not a vendor"}),
        ("requests/", {"status": "LOST"}),
        ("requests/", {"user_id": "x"}),
        ("webhooks/", {"state": "x"}),
        ("users/", {"email": "nobody"}),
        ("users/", {"page": 0}),
    ],
)
def test_invalid_filters_are_refused(client: TestClient, admin: SignedIn, path: str, query: dict[str, Any]) -> None:
    reply = client.get(f"{ADMIN}/{path}", params=query, headers=admin.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


def test_no_route_needs_more_statements_than_promised(
    client: TestClient, admin: SignedIn, free_user: SignedIn, rows: Session
) -> None:
    request = create_request(rows, free_user.user, [create_post(rows) for _ in range(20)])
    rows.commit()
    read(client, admin, "users/")  # opens the connection
    needed = {}

    for path in ("users/", "requests/", "external-calls/", "costs/", "auth-events/", "webhooks/"):
        with count_statements() as statements:
            read(client, admin, path)
        needed[path] = len(statements)
    with count_statements() as statements:
        read(client, admin, f"requests/{request.id}/")

    # One of them records the read.
    assert set(needed.values()) == {3}
    assert len(statements) == 7


@pytest.mark.parametrize("path", [path for method, path in MATRIX if path.startswith(f"{ADMIN}/")])
def test_an_impersonated_session_reads_nothing(
    client: TestClient, sign_in: Callable[..., SignedIn], stand_ins: StandInsClient, rows: Session, path: str
) -> None:
    admin = sign_in(is_admin=True).user
    request = create_request(rows, admin)
    rows.commit()
    claims = {"sub": admin.clerk_user_id, "act": {"iss": "https://dashboard.clerk.com", "sub": "user_support"}}
    token = stand_ins.token(str(admin.email), overrides=claims)["token"]
    headers = {"Authorization": f"Bearer {token}"}

    refused = client.get(address_of(path, request.id), headers=headers)
    own = client.get("/api/accounts/me/", headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (403, "impersonation_not_allowed")
    assert own.status_code == 200
    rows.rollback()
    assert rows.scalars(select(AppLog).where(AppLog.user_id == admin.id, AppLog.event == "admin_read")).all() == []


def test_an_impersonated_user_who_is_not_an_administrator_gets_404(
    client: TestClient, free_user: SignedIn, stand_ins: StandInsClient
) -> None:
    claims = {"sub": free_user.user.clerk_user_id, "act": {"sub": "user_support"}}
    token = stand_ins.token(str(free_user.user.email), overrides=claims)["token"]

    reply = client.get(f"{ADMIN}/users/", headers={"Authorization": f"Bearer {token}"})

    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
