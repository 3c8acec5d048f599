"""API keys as bearer tokens: verified, remembered for a minute, and refused wherever the account is at stake."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.api.authentication import scope_of
from tests.factories import create_post, create_request
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn, replace_services
from tests.functions.api.routes import MATRIX, PUBLIC, address_of
from whyviral.accounts.api_keys import KnownApiKeys
from whyviral.accounts.models import User
from whyviral.core.clock import utc_now
from whyviral.throttling.models import RateWindow
from whyviral.vendor_calls.models import ExternalApiCallLog

VERIFY = "/clerk/v1/api_keys/verify"
LIST = "/api/analysis/requests/"
ESTIMATE = ("/api/analysis/estimate/", {"post_urls": ["https://x.com/jack/status/20"]})
SOME_ID = "7d9f43c4-94b0-4d0e-a65e-f9f7f4d8c3de"
SIGNED_IN = sorted(route for route, answers in MATRIX.items() if answers.anonymous == 401 and route not in PUBLIC)
REFUSED = [route for route in SIGNED_IN if scope_of(*route) is None]
ACCEPTED = [route for route in SIGNED_IN if scope_of(*route) is not None]


@pytest.fixture(autouse=True)
def reset_rate(rows: Session) -> None:
    rows.execute(delete(RateWindow))
    rows.commit()


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock(app: FastAPI) -> Clock:
    """The clock of the application, which remembers no keys."""
    clock = Clock()
    replace_services(app, clock=clock, api_keys=KnownApiKeys(clock=clock))
    return clock


@pytest.fixture
def create_key(stand_ins: StandInsClient, free_user: SignedIn) -> Callable[..., dict[str, Any]]:
    """Return a function that creates a key at Clerk, of the user unless another subject is given."""

    def create_key(**fields: Any) -> dict[str, Any]:
        body = {"name": "script", "subject": free_user.user.clerk_user_id} | fields
        return clerk(stand_ins, "", body)

    return create_key


def clerk(stand_ins: StandInsClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a call to Clerk's Backend API for keys."""
    headers = {"Authorization": "Bearer sk_test_stand_in"}
    reply = stand_ins.http.post(f"/clerk/v1/api_keys{path}", json=body, headers=headers)
    answer: dict[str, Any] = reply.raise_for_status().json()
    return answer


def with_key(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def refusal(reply: Any) -> tuple[int, str, str | None]:
    body = reply.json()
    return reply.status_code, body["code"], body.get("details", {}).get("reason")


def checks(stand_ins: StandInsClient) -> int:
    """Return the number of verifications at Clerk."""
    return sum(VERIFY.endswith(call["path"]) for call in stand_ins.calls("clerk"))


def test_a_key_acts_as_its_user(
    client: TestClient, free_user: SignedIn, rows: Session, create_key: Callable[..., dict[str, Any]]
) -> None:
    request = create_request(rows, free_user.user, [create_post(rows)])
    rows.commit()
    headers = with_key(create_key()["secret"])

    listed = client.get(LIST, headers=headers).json()
    profile = client.get("/api/accounts/me/", headers=headers).json()

    assert [row["id"] for row in listed["results"]] == [str(request.id)]
    assert profile["email"] == free_user.user.email


def test_a_key_of_another_user_sees_nothing_of_this_one(
    client: TestClient,
    free_user: SignedIn,
    sign_in: Callable[..., SignedIn],
    rows: Session,
    create_key: Callable[..., dict[str, Any]],
) -> None:
    request = create_request(rows, free_user.user)
    rows.commit()
    headers = with_key(create_key(subject=sign_in().user.clerk_user_id)["secret"])

    assert client.get(f"{LIST}{request.id}/", headers=headers).status_code == 404
    assert client.get(LIST, headers=headers).json()["count"] == 0


def test_the_first_call_with_a_key_creates_the_user(
    client: TestClient, stand_ins: StandInsClient, rows: Session, create_key: Callable[..., dict[str, Any]], email: str
) -> None:
    user_id = stand_ins.clerk_user(email)["id"]

    reply = client.get("/api/accounts/me/", headers=with_key(create_key(subject=user_id)["secret"]))

    assert (reply.status_code, reply.json()["email"]) == (200, email)
    assert rows.scalars(select(User).where(User.clerk_user_id == user_id)).one().email == email


@pytest.mark.parametrize("route", REFUSED, ids="{0[0]} {0[1]}".format)
def test_an_address_that_is_not_about_analyses_refuses_keys(
    client: TestClient,
    sign_in: Callable[..., SignedIn],
    create_key: Callable[..., dict[str, Any]],
    route: tuple[str, str],
) -> None:
    admin = sign_in(is_admin=True)
    headers = with_key(create_key(subject=admin.user.clerk_user_id)["secret"])

    reply = client.request(route[0], address_of(route[1], SOME_ID), json=MATRIX[route].body, headers=headers)

    assert refusal(reply) == (403, "api_key_not_allowed", None)


def test_billing_the_account_webhooks_and_administration_are_among_the_refused() -> None:
    refused = {f"{method} {path}" for method, path in REFUSED}

    assert {"DELETE /api/accounts/me/", "PATCH /api/accounts/me/", "GET /api/accounts/me/export/"} <= refused
    protected = ("/billing/", "/admin/", "/webhooks/")
    assert {f"{method} {path}" for method, path in SIGNED_IN if any(part in path for part in protected)} <= refused
    assert {path.split("/")[2] for _, path in ACCEPTED} == {"analysis", "social", "accounts"}
    assert {path for _, path in ACCEPTED if "/accounts/" in path} == {
        "/api/accounts/me/",
        "/api/accounts/usage/",
        "/api/accounts/usage/limits/",
        "/api/accounts/usage/history/",
    }


@pytest.mark.parametrize("route", ACCEPTED, ids="{0[0]} {0[1]}".format)
@pytest.mark.parametrize("scopes", [["analysis:read"], ["analysis:write"], ["other:all"]], ids=lambda scopes: scopes[0])
def test_a_key_with_scopes_does_what_they_allow(
    client: TestClient, create_key: Callable[..., dict[str, Any]], route: tuple[str, str], scopes: list[str]
) -> None:
    headers = with_key(create_key(scopes=scopes)["secret"])
    needed = "analysis:read" if route[0] == "GET" or route[1].endswith("/estimate/") else "analysis:write"

    reply = client.request(route[0], address_of(route[1], SOME_ID), json=MATRIX[route].body, headers=headers)

    if needed in scopes:
        assert reply.status_code in (200, 202, 404)
    else:
        assert reply.json()["code"] == "api_key_scope_missing"
        assert (reply.status_code, reply.json()["details"]) == (403, {"scope": needed})


@pytest.mark.parametrize("scopes", [[], ["analysis:read", "analysis:write"]], ids=["none", "both"])
def test_a_key_without_scopes_reads_and_writes(
    client: TestClient, create_key: Callable[..., dict[str, Any]], scopes: list[str]
) -> None:
    headers = with_key(create_key(scopes=scopes)["secret"])

    started = client.post("/api/analysis/analyze/", json=ESTIMATE[1], headers=headers)

    assert (started.status_code, client.get(LIST, headers=headers).json()["count"]) == (202, 1)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("ak_" + "0" * 48, "unknown"),
        ("ak_", "malformed"),
        ("ak_short", "malformed"),
        ("ak_" + "x" * 5_000, "malformed"),
        ("ak_with spaces in it", "malformed"),
        ("ak_'; drop table users", "malformed"),
        ("ak_\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", "malformed"),
    ],
    ids=["unknown", "prefix", "short", "huge", "blanks", "sql", "latin"],
)
def test_what_is_not_a_key_is_refused(client: TestClient, stand_ins: StandInsClient, secret: str, reason: str) -> None:
    reply = client.get(LIST, headers={b"Authorization": f"Bearer {secret}".encode("latin-1")})

    assert refusal(reply) == (401, "invalid_api_key", reason)
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert checks(stand_ins) == (reason == "unknown")


def test_keys_that_are_revoked_expired_or_of_an_organization_are_refused(
    client: TestClient, stand_ins: StandInsClient, create_key: Callable[..., dict[str, Any]]
) -> None:
    revoked, expired = create_key(), create_key(seconds_until_expiration=-1)
    organization = create_key(subject="org_1")
    clerk(stand_ins, f"/{revoked['id']}/revoke", {"revocation_reason": "leaked"})

    replies = [client.get(LIST, headers=with_key(key["secret"])) for key in (revoked, expired, organization)]

    assert [refusal(reply) for reply in replies] == [
        (401, "invalid_api_key", reason) for reason in ("revoked", "expired", "not_of_a_user")
    ]


def test_a_key_of_a_deleted_user_is_refused(
    client: TestClient, sign_in: Callable[..., SignedIn], create_key: Callable[..., dict[str, Any]]
) -> None:
    deleted = sign_in(deleted_at=utc_now())

    reply = client.get(LIST, headers=with_key(create_key(subject=deleted.user.clerk_user_id)["secret"]))

    assert refusal(reply) == (401, "account_deleted", None)


def test_a_revoked_key_works_for_less_than_a_minute(
    client: TestClient, stand_ins: StandInsClient, clock: Clock, create_key: Callable[..., dict[str, Any]]
) -> None:
    key = create_key()
    headers = with_key(key["secret"])
    statuses = [client.get(LIST, headers=headers).status_code]
    clerk(stand_ins, f"/{key['id']}/revoke", {})

    for _ in range(2):
        clock.move(seconds=59.9 if len(statuses) == 1 else 0.1)
        statuses.append(client.get(LIST, headers=headers).status_code)

    assert (statuses, checks(stand_ins)) == ([200, 200, 401], 2)


def test_a_key_expires_while_it_is_remembered(
    client: TestClient, clock: Clock, create_key: Callable[..., dict[str, Any]]
) -> None:
    headers = with_key(create_key(seconds_until_expiration=30)["secret"])
    first = client.get(LIST, headers=headers)
    clock.move(seconds=31)

    assert (first.status_code, refusal(client.get(LIST, headers=headers))) == (200, (401, "invalid_api_key", "expired"))


def test_an_unknown_key_is_asked_about_once_a_minute(
    client: TestClient, stand_ins: StandInsClient, clock: Clock
) -> None:
    headers = with_key("ak_" + "1" * 48)

    codes = {client.get(LIST, headers=headers).json()["code"] for _ in range(5)}
    clock.move(seconds=60)
    client.get(LIST, headers=headers)

    assert (codes, checks(stand_ins)) == ({"invalid_api_key"}, 2)


def test_parallel_calls_with_a_new_key_ask_clerk_once(
    client: TestClient, stand_ins: StandInsClient, create_key: Callable[..., dict[str, Any]]
) -> None:
    headers = with_key(create_key()["secret"])
    client.get("/api/accounts/plans/")

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: client.get(LIST, headers=headers).status_code, range(8)))

    assert (statuses, checks(stand_ins)) == ([200] * 8, 1)


def test_a_flood_of_invented_keys_is_stopped_before_it_reaches_clerk(
    client: TestClient, stand_ins: StandInsClient, clock: Clock, create_key: Callable[..., dict[str, Any]]
) -> None:
    known = with_key(create_key()["secret"])
    first = client.get(LIST, headers=known)

    codes = [client.get(LIST, headers=with_key(f"ak_{number:048}")).json()["code"] for number in range(125)]

    assert (codes.count("invalid_api_key"), codes.count("rate_limited")) == (119, 6)
    assert checks(stand_ins) == 120
    assert (first.status_code, client.get(LIST, headers=known).status_code) == (200, 200)


@pytest.mark.parametrize(("mode", "status"), [({"status": 500}, 503), ({"status": 429}, 503), ({"status": 401}, 502)])
def test_without_clerk_a_new_key_gets_503_and_a_known_one_works_on(
    client: TestClient,
    stand_ins: StandInsClient,
    create_key: Callable[..., dict[str, Any]],
    mode: dict[str, Any],
    status: int,
) -> None:
    known, new = (with_key(create_key()["secret"]) for _ in range(2))
    client.get(LIST, headers=known)
    stand_ins.fault("clerk", "status", **mode)

    reply = client.get(LIST, headers=new)

    assert (reply.status_code, reply.json()["code"]) == (status, "provider_unavailable")
    assert client.get(LIST, headers=known).status_code == 200


def test_a_verification_is_in_the_call_log_and_the_key_is_in_no_log_and_no_row(
    client: TestClient,
    free_user: SignedIn,
    rows: Session,
    create_key: Callable[..., dict[str, Any]],
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    secret = create_key()["secret"]

    client.get(LIST, headers=with_key(secret))

    calls = rows.scalars(select(ExternalApiCallLog).where(ExternalApiCallLog.user_id == free_user.user.id)).all()
    assert [(call.provider, call.operation, call.status) for call in calls] == [("clerk", "POST /api_keys/verify", 200)]
    assert secret not in str(logged())
    assert secret not in str([vars(call) for call in calls])


def test_calls_with_a_key_count_in_the_limits_of_their_user(
    client: TestClient, free_user: SignedIn, create_key: Callable[..., dict[str, Any]]
) -> None:
    headers = with_key(create_key()["secret"])
    url = "/api/analysis/analyze/"

    by_key = client.post(url, json=ESTIMATE[1], headers=headers)
    by_session = client.post(url, json=ESTIMATE[1], headers=free_user.headers)

    remaining = [reply.headers["RateLimit"].split(";")[1] for reply in (by_key, by_session)]
    assert remaining == ["r=19", "r=18"]


def test_a_key_is_checked_before_the_body(client: TestClient, create_key: Callable[..., dict[str, Any]]) -> None:
    for secret, code in (
        (create_key(scopes=["analysis:read"])["secret"], "api_key_scope_missing"),
        ("ak_1", "invalid_api_key"),
    ):
        reply = client.post("/api/analysis/analyze/", content=b"{", headers=with_key(secret))

        assert reply.json()["code"] == code


def test_a_remembered_key_costs_no_call(
    client: TestClient, stand_ins: StandInsClient, create_key: Callable[..., dict[str, Any]]
) -> None:
    headers = with_key(create_key()["secret"])

    statuses = {client.get(LIST, headers=headers).status_code for _ in range(5)}

    assert (statuses, checks(stand_ins)) == ({200}, 1)
