"""The caller's own profile, subscription and session, and the public list of plans."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.fixtures.database import count_statements
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import BASE_URL, SignedIn
from whyviral.accounts.models import Plan, RevokedSession, Subscription, User
from whyviral.analytics.models import AuthenticationLog

ME = "/api/accounts/me/"
SUBSCRIPTION = "/api/accounts/subscription/"
PLANS = "/api/accounts/plans/"
LOGOUT = "/api/accounts/logout/"
SECRET = {"Authorization": "Bearer sk_test_stand_in"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def reread(rows: Session, user: User) -> User:
    rows.rollback()
    rows.expire_all()
    return rows.get_one(User, user.id)


def logs_of(rows: Session, user: User) -> list[AuthenticationLog]:
    rows.rollback()
    logs = select(AuthenticationLog).where(AuthenticationLog.user_id == user.id).order_by(AuthenticationLog.created_at)
    return list(rows.scalars(logs))


def test_users_see_their_own_profile(client: TestClient, sign_in: Callable[..., SignedIn]) -> None:
    ada = sign_in(full_name="Ada", company_name="Engines", email_verified=True, profile_image="https://a.example/")

    reply = client.get(ME, headers=ada.headers)

    assert reply.status_code == 200
    assert reply.json() == {
        "id": str(ada.user.id),
        "email": ada.user.email,
        "email_verified": True,
        "full_name": "Ada",
        "company_name": "Engines",
        "profile_image": "https://a.example/",
        "is_admin": False,
        "created_at": ada.user.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize(
    ("changes", "full_name", "company_name", "is_named_here"),
    [
        ({"full_name": "  Countess  "}, "Countess", "Engines", True),
        ({"company_name": "Mills"}, "Ada", "Mills", False),
        ({"full_name": None, "company_name": None}, None, None, True),
        ({"full_name": "n" * 200}, "n" * 200, "Engines", True),
        ({"company_name": "Zoë & Söhne 🦊"}, "Ada", "Zoë & Söhne 🦊", False),
    ],
)
def test_users_change_their_name_and_company(
    client: TestClient,
    sign_in: Callable[..., SignedIn],
    rows: Session,
    changes: dict[str, Any],
    full_name: str | None,
    company_name: str | None,
    is_named_here: bool,
) -> None:
    ada = sign_in(full_name="Ada", company_name="Engines")

    reply = client.patch(ME, json=changes, headers=ada.headers)

    assert (reply.status_code, reply.json()["full_name"], reply.json()["company_name"]) == (
        200,
        full_name,
        company_name,
    )
    user = reread(rows, ada.user)
    assert (user.full_name, user.company_name, user.is_named_here) == (full_name, company_name, is_named_here)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"full_name": ""},
        {"full_name": "   "},
        {"full_name": "n" * 201},
        {"full_name": "a\x00b"},
        {"company_name": "a\nb"},
        {"full_name": 5},
        {"email": "other@example.com"},
        {"full_name": "Ada", "is_admin": True},
    ],
    ids=str,
)
def test_no_other_field_of_a_profile_can_be_changed(
    client: TestClient, sign_in: Callable[..., SignedIn], rows: Session, body: Any
) -> None:
    ada = sign_in(full_name="Ada")

    reply = client.patch(ME, json=body, headers=ada.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    user = reread(rows, ada.user)
    assert (user.full_name, user.email, user.is_admin) == ("Ada", ada.user.email, False)


def test_a_subscription_is_shown_with_its_plan_and_its_planned_downgrade(
    client: TestClient, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    ada = sign_in("business")
    subscription = rows.scalars(select(Subscription).where(Subscription.user_id == ada.user.id)).one()
    subscription.downgrade_to_plan_id = rows.scalars(select(Plan.id).where(Plan.slug == "pro")).one()
    subscription.downgrade_at = datetime(2026, 12, 1, tzinfo=UTC)
    rows.commit()

    reply = client.get(SUBSCRIPTION, headers=ada.headers)

    body = reply.json()
    assert reply.status_code == 200
    assert (body["id"], body["status"], body["provider"]) == (str(subscription.id), "ACTIVE", None)
    assert (body["plan"]["slug"], body["plan"]["price_cents"], body["plan"]["max_urls"]) == ("business", 4900, 50)
    assert (body["downgrade_to_plan"]["slug"], body["downgrade_at"]) == ("pro", "2026-12-01T00:00:00Z")


def test_a_user_without_a_subscription_gets_an_error_that_says_so(
    client: TestClient, sign_in: Callable[..., SignedIn]
) -> None:
    reply = client.get(SUBSCRIPTION, headers=sign_in(None).headers)

    assert (reply.status_code, reply.json()["code"]) == (404, "no_current_subscription")


def test_plans_are_public_and_listed_cheapest_first(client: TestClient) -> None:
    body = client.get(PLANS).json()

    plans = body.pop("results")
    assert body == {"count": 3, "next": None, "previous": None}
    assert [(plan["slug"], plan["price_cents"], plan["interval"]) for plan in plans] == [
        ("free", 0, "month"),
        ("pro", 1900, "month"),
        ("business", 4900, "month"),
    ]
    assert plans[0].keys() == {
        *("id", "slug", "name", "max_urls", "max_handles", "max_analyses_per_day", "max_questions_per_day"),
        *("price_cents", "interval"),
    }


def test_plans_are_paginated_like_every_list(client: TestClient) -> None:
    reply = client.get(PLANS, params={"page": 2})

    assert reply.json() == {"count": 3, "next": None, "previous": f"{BASE_URL}{PLANS}?page=1", "results": []}
    assert client.get(PLANS, params={"page": 0}).status_code == 422


def test_a_token_stops_working_as_soon_as_logout_answers(
    client: TestClient, stand_ins: StandInsClient, free_user: SignedIn, rows: Session
) -> None:
    session = stand_ins.token(str(free_user.user.email), overrides={"sub": free_user.user.clerk_user_id})
    another = bearer(
        stand_ins.token(
            str(free_user.user.email), session_id=session["session_id"], overrides={"sub": free_user.user.clerk_user_id}
        )["token"]
    )

    reply = client.post(LOGOUT, headers=bearer(session["token"]))

    assert (reply.status_code, reply.json()) == (200, {"status": "signed_out", "revoked_at_clerk": True})
    for headers in (bearer(session["token"]), another):
        refused = client.get(ME, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")
    assert client.get(ME, headers=free_user.headers).status_code == 200
    at_clerk = stand_ins.http.get(f"/clerk/v1/sessions/{session['session_id']}", headers=SECRET).json()
    assert at_clerk["status"] == "revoked"
    (log,) = logs_of(rows, free_user.user)
    assert (log.event, log.outcome, log.session_id) == ("sign_out", "succeeded", session["session_id"])


@pytest.mark.parametrize("trouble", [{"mode": "disconnect"}, {"mode": "status", "status": 500}])
def test_a_logout_succeeds_here_while_clerk_is_down(
    client: TestClient, stand_ins: StandInsClient, free_user: SignedIn, rows: Session, trouble: dict[str, Any]
) -> None:
    stand_ins.fault("clerk", path="/v1/sessions", **trouble)

    reply = client.post(LOGOUT, headers=free_user.headers)

    assert reply.json() == {"status": "signed_out", "revoked_at_clerk": False}
    assert client.get(ME, headers=free_user.headers).json()["code"] == "session_revoked"
    assert [log.reason for log in logs_of(rows, free_user.user)] == ["clerk_unreachable"]


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", "/api/analysis/requests/?page=0", None), ("PATCH", ME, {"full_name": 5})]
)
def test_an_ended_session_is_reported_before_an_invalid_request(
    client: TestClient, free_user: SignedIn, method: str, path: str, body: Any
) -> None:
    invalid = client.request(method, path, json=body, headers=free_user.headers)
    client.post(LOGOUT, headers=free_user.headers)

    reply = client.request(method, path, json=body, headers=free_user.headers)

    assert (invalid.status_code, invalid.json()["code"]) == (422, "invalid_request")
    assert (reply.status_code, reply.json()["code"]) == (401, "session_revoked")


def test_a_session_unknown_to_clerk_can_be_signed_out(
    client: TestClient, stand_ins: StandInsClient, free_user: SignedIn
) -> None:
    stand_ins.fault("clerk", "status", status=404, path="/v1/sessions")

    assert client.post(LOGOUT, headers=free_user.headers).json()["revoked_at_clerk"] is True


def test_a_revoked_session_creates_no_user(client: TestClient, stand_ins: StandInsClient, rows: Session) -> None:
    new = stand_ins.token("revoked-before@example.com")
    rows.add(RevokedSession(session_id=new["session_id"], reason="revoked"))
    rows.commit()

    reply = client.get(ME, headers=bearer(new["token"]))

    assert (reply.status_code, reply.json()["code"]) == (401, "session_revoked")
    assert rows.scalars(select(User).where(User.clerk_user_id == new["user_id"])).all() == []


def test_an_impersonation_is_recorded_once_per_session(
    client: TestClient, stand_ins: StandInsClient, free_user: SignedIn, rows: Session
) -> None:
    claims = {"sub": free_user.user.clerk_user_id, "act": {"iss": "x", "sid": "sess_admin", "sub": "user_admin"}}
    session = stand_ins.token(str(free_user.user.email), overrides=claims)

    for _ in range(2):
        headers = bearer(session["token"]) | {"User-Agent": "Browser/1 \x7f" + "." * 1_000}
        client.get(ME, headers=headers)

    (log,) = logs_of(rows, free_user.user)
    assert (log.event, log.actor, log.session_id, log.address, log.user_agent) == (
        "impersonation",
        "user_admin",
        session["session_id"],
        "testclient",
        ("Browser/1  " + "." * 1_000)[:300],
    )
    assert log.request_id is not None


def test_the_recorded_address_is_that_of_the_connection_and_not_of_a_header(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    client.post(LOGOUT, headers=free_user.headers | {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"})

    assert [log.address for log in logs_of(rows, free_user.user)] == ["testclient"]


def test_no_route_needs_more_statements_than_promised(client: TestClient, free_user: SignedIn, app: FastAPI) -> None:
    needed = {}
    for method, path, body in (
        ("GET", ME, None),
        ("GET", SUBSCRIPTION, None),
        ("GET", PLANS, None),
        ("PATCH", ME, {"full_name": "Ada"}),
        ("POST", LOGOUT, None),
    ):
        with count_statements() as statements:
            reply = client.request(method, path, json=body, headers=free_user.headers)
        assert reply.status_code == 200
        needed[f"{method} {path}"] = len(statements)

    assert needed == {
        f"GET {ME}": 1,
        f"GET {SUBSCRIPTION}": 2,
        f"GET {PLANS}": 1,
        f"PATCH {ME}": 2,
        f"POST {LOGOUT}": 4,
    }
