"""Authentication: valid and invalid tokens, and the first request of a user."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload
from starlette.testclient import TestClient

from functions.api.app import create_app
from functions.api.settings import ApiSettings
from local.stack.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import HOST, SignedIn, replace_services
from tests.functions.api.routes import MATRIX, PUBLIC, address_of
from whyviral.accounts.models import Subscription, User
from whyviral.core.clock import utc_now
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier
from whyviral.vendor_calls.models import ExternalApiCallLog

SOME_ID = "7d9f43c4-94b0-4d0e-a65e-f9f7f4d8c3de"
ROUTES = {
    route: address_of(route[1], SOME_ID)
    for route, answers in MATRIX.items()
    if answers.anonymous == 401 and route not in PUBLIC
}
"""Every route that needs a token, with an example address."""
ANY = "/api/analysis/requests/"
MISSING = ("not_authenticated", None)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refusal(reply: Any) -> tuple[str, str | None]:
    """Return the code and the reason of a 401."""
    assert reply.status_code == 401, reply.text
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    body = reply.json()
    return body["code"], body.get("details", {}).get("reason")


def find_user(rows: Session, clerk_user_id: str) -> User | None:
    rows.rollback()
    return rows.scalar(select(User).where(User.clerk_user_id == clerk_user_id))


@pytest.mark.parametrize("route", ROUTES, ids="{0[0]} {0[1]}".format)
def test_every_route_refuses_a_call_without_a_token(client: TestClient, route: tuple[str, str]) -> None:
    assert refusal(client.request(route[0], ROUTES[route])) == MISSING


@pytest.mark.parametrize("route", [route for route in ROUTES if route[0] != "DELETE"], ids="{0[0]} {0[1]}".format)
def test_every_route_but_the_deletion_itself_refuses_a_deleted_user(
    client: TestClient, sign_in: Callable[..., SignedIn], route: tuple[str, str]
) -> None:
    deleted = sign_in(deleted_at=datetime.now(UTC))
    body = MATRIX[route].body

    reply = client.request(route[0], ROUTES[route], json=body, headers=deleted.headers)

    assert refusal(reply)[0] == "account_deleted"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer    ", "Basic dXNlcjpwYXNz", "Token abc", "abc"],
)
def test_a_header_without_a_bearer_token_is_refused(client: TestClient, header: str) -> None:
    assert refusal(client.get(ANY, headers={"Authorization": header})) == MISSING


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("garbage", "malformed"),
        ("a.b.c", "malformed"),
        ("..", "malformed"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.", "malformed"),
        ("t\xf6ken", "malformed"),
        ("a b", "malformed"),
        ("x" * 100_000, "malformed"),
        (f"{'x' * 3_000}.{'y' * 4_000}.z", "malformed"),
    ],
    ids=["garbage", "three letters", "dots", "no key id", "not ASCII", "two words", "huge", "huge header"],
)
def test_a_malformed_token_is_refused(client: TestClient, token: str, reason: str) -> None:
    reply = client.get(ANY, headers={b"Authorization": f"Bearer {token}".encode("latin-1")})

    assert refusal(reply) == ("invalid_token", reason)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"expires_in_seconds": -6}, "expired"),
        ({"expires_in_seconds": -86_400}, "expired"),
        ({"overrides": {"nbf": 4_102_444_800}}, "not_yet_valid"),
        ({"overrides": {"iss": "https://clerk.somebody-else.example"}}, "wrong_issuer"),
        ({"overrides": {"sts": "pending"}}, "pending"),
        ({"overrides": {"sub": None}}, "missing_claim"),
        ({"overrides": {"sid": None}}, "missing_claim"),
        ({"overrides": {"exp": None}}, "missing_claim"),
        ({"key": "other"}, "bad_signature"),
        ({"kid": "ins_unknown", "key": "other"}, "unknown_key"),
        ({"algorithm": "HS256"}, "wrong_algorithm"),
        ({"algorithm": "none"}, "wrong_algorithm"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_an_invalid_token_is_refused_with_its_reason(
    client: TestClient, stand_ins: StandInsClient, order: dict[str, Any], reason: str
) -> None:
    token = stand_ins.token("forger@example.com", **order)["token"]

    assert refusal(client.get(ANY, headers=bearer(token))) == ("invalid_token", reason)


def test_a_refused_token_creates_no_user(client: TestClient, stand_ins: StandInsClient, rows: Session) -> None:
    forged = stand_ins.token("never-seen@example.com", key="other")

    client.get(ANY, headers=bearer(forged["token"]))

    assert find_user(rows, forged["user_id"]) is None


def test_a_token_that_expired_three_seconds_ago_is_accepted(client: TestClient, stand_ins: StandInsClient) -> None:
    token = stand_ins.token("late@example.com", expires_in_seconds=-3)["token"]

    assert client.get(ANY, headers=bearer(token)).status_code == 200


def test_the_bearer_scheme_may_be_written_in_any_case(client: TestClient, free_user: SignedIn) -> None:
    header = free_user.headers["Authorization"].replace("Bearer ", "bEARER  ")

    assert client.get(ANY, headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize(
    ("azp", "is_required", "status"),
    [
        ("https://app.example.com", False, 200),
        ("https://evil.example", False, 401),
        (None, False, 200),
        (None, True, 401),
    ],
)
def test_only_tokens_of_the_configured_frontends_are_accepted(
    settings: ApiSettings,
    local_endpoints: Endpoints,
    stand_ins: StandInsClient,
    azp: str | None,
    is_required: bool,
    status: int,
) -> None:
    parties = {"clerk_authorized_parties": ("https://app.example.com",), "clerk_require_authorized_party": is_required}
    app = create_app(settings.model_copy(update=parties))
    token = stand_ins.token("party@example.com", overrides={"azp": azp})["token"]

    reply = TestClient(app, base_url=f"http://{HOST}").get(ANY, headers=bearer(token))
    app.state.services.engine.dispose()

    assert reply.status_code == status


def test_before_the_first_fetch_of_keys_an_outage_of_clerk_gives_503(
    client: TestClient, free_user: SignedIn, stand_ins: StandInsClient
) -> None:
    stand_ins.fault("clerk", "status", status=500, path="/.well-known/jwks.json")

    reply = client.get(ANY, headers=free_user.headers)

    assert reply.status_code == 503
    assert reply.headers["Retry-After"] == "5"
    assert reply.json() == {
        "error": "Sign-in cannot be checked right now. Please try again in a moment.",
        "code": "provider_unavailable",
        "request_id": reply.headers["X-Request-Id"],
    }


def test_cached_keys_are_used_while_clerk_is_down(
    client: TestClient, free_user: SignedIn, stand_ins: StandInsClient
) -> None:
    client.get(ANY, headers=free_user.headers)
    stand_ins.fault("clerk", "disconnect")

    assert client.get(ANY, headers=free_user.headers).status_code == 200


def test_a_rotated_key_is_accepted(
    app: FastAPI, client: TestClient, free_user: SignedIn, stand_ins: StandInsClient
) -> None:
    moved = timedelta(0)
    verifier = SessionTokenVerifier(CLERK_STAND_IN_PUBLISHABLE_KEY, clock=lambda: utc_now() + moved)
    replace_services(app, verifier=verifier)
    client.get(ANY, headers=free_user.headers)
    stand_ins.rotate_key(same_kid=True)
    token = stand_ins.token("rotated@example.com")["token"]
    moved = timedelta(seconds=31)

    assert client.get(ANY, headers=bearer(token)).status_code == 200


def test_the_first_request_of_a_user_creates_a_row_and_a_free_subscription(
    client: TestClient, stand_ins: StandInsClient, rows: Session
) -> None:
    ada = stand_ins.token("ada@example.com")

    reply = client.get(ANY, headers=bearer(ada["token"]))

    assert reply.status_code == 200
    user = find_user(rows, ada["user_id"])
    assert user is not None
    assert (user.email, user.email_verified, user.deleted_at) == ("ada@example.com", True, None)
    (subscription,) = rows.scalars(
        select(Subscription).where(Subscription.user_id == user.id).options(joinedload(Subscription.plan))
    )
    assert (subscription.plan.slug, subscription.status, subscription.provider) == ("free", "ACTIVE", None)
    (call,) = rows.scalars(select(ExternalApiCallLog).where(ExternalApiCallLog.user_id == user.id))
    assert (call.provider, call.operation, call.status) == ("clerk", "GET /users/{id}", 200)


def test_the_second_request_of_a_user_makes_no_call_to_clerk(
    client: TestClient, stand_ins: StandInsClient, rows: Session
) -> None:
    token = stand_ins.token("grace@example.com")["token"]
    client.get(ANY, headers=bearer(token))
    asked = len(stand_ins.calls("clerk"))

    client.get(ANY, headers=bearer(token))

    assert len(stand_ins.calls("clerk")) == asked


def test_an_address_in_the_token_saves_a_call_to_clerk_but_is_not_verified(
    client: TestClient, stand_ins: StandInsClient, rows: Session
) -> None:
    claims = {"email": "joan@example.com", "name": "Joan Clarke"}
    joan = stand_ins.token("joan@example.com", overrides=claims)

    client.get(ANY, headers=bearer(joan["token"]))

    user = find_user(rows, joan["user_id"])
    assert user is not None
    assert (user.email, user.full_name, user.email_verified) == ("joan@example.com", "Joan Clarke", False)
    assert [call["path"] for call in stand_ins.calls("clerk")] == ["/.well-known/jwks.json"]


@pytest.mark.parametrize("mode", ["disconnect", "garbage"])
def test_a_new_user_is_admitted_while_clerk_is_down(
    client: TestClient, stand_ins: StandInsClient, rows: Session, mode: str
) -> None:
    stand_ins.fault("clerk", mode, path="/v1/users")
    new = stand_ins.token(f"{mode}@example.com")

    reply = client.get("/api/analysis/requests/", headers=bearer(new["token"]))

    assert reply.status_code == 200
    user = find_user(rows, new["user_id"])
    assert user is not None
    assert user.email is None
    failures = rows.scalars(select(ExternalApiCallLog.error_category).where(ExternalApiCallLog.user_id == user.id))
    assert set(failures) == {"provider_error"}


def test_a_user_is_kept_although_the_first_call_is_refused(
    client: TestClient, stand_ins: StandInsClient, rows: Session
) -> None:
    new = stand_ins.token("hasty@example.com")

    reply = client.post("/api/analysis/analyze/", json={"post_urls": ["x"]}, headers=bearer(new["token"]))

    assert reply.status_code == 422
    assert find_user(rows, new["user_id"]) is not None
