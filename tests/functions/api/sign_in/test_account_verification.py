"""Only verified accounts may start an analysis."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import POST_URL, SignedIn, replace_services
from whyviral.accounts.verification import PROFILE_RATE

ANALYZE = "/api/analysis/analyze/"
BODY = {"post_urls": [POST_URL]}
VERIFIED = {"id": "idn_2", "verification": {"status": "verified"}}
UNVERIFIED = {"id": "idn_2", "verification": {"status": "unverified"}}
UNVERIFIED_EMAIL = [
    {"id": "idn_1", "email_address": "ann@example.com", "verification": {"status": "unverified"}},
]

type Fields = dict[str, Any]


@pytest.fixture
def unverified(sign_in: Callable[..., SignedIn]) -> SignedIn:
    return sign_in(email_verified=False)


def known_to_clerk(stand_ins: StandInsClient, user: SignedIn, **fields: Any) -> None:
    """Make Clerk return these fields for the user."""
    body = {"id": user.user.clerk_user_id, "primary_email_address_id": "idn_1", "email_addresses": UNVERIFIED_EMAIL}
    stand_ins.fault("clerk", "status", path="/v1/users/", status=200, body=body | fields)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 403),
        ({"email_addresses": None}, 403),
        ({"phone_numbers": [UNVERIFIED], "web3_wallets": [UNVERIFIED]}, 403),
        ({"phone_numbers": "many"}, 403),
        ({"email_addresses": [UNVERIFIED_EMAIL[0] | {"verification": {"status": "verified"}}]}, 202),
        ({"email_addresses": [], "phone_numbers": [UNVERIFIED, VERIFIED]}, 202),
        ({"email_addresses": [], "web3_wallets": [VERIFIED]}, 202),
    ],
)
def test_an_analysis_needs_an_account_that_is_verified_at_clerk(
    client: TestClient,
    unverified: SignedIn,
    stand_ins: StandInsClient,
    workflow: FakeWorkflow,
    fields: Fields,
    status: int,
) -> None:
    known_to_clerk(stand_ins, unverified, **fields)

    replies = [client.post(ANALYZE, json=BODY, headers=unverified.headers) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [status] * 2
    assert {reply.json().get("code") for reply in replies} == {"verified_email_required" if status == 403 else None}
    assert len(workflow.started) == (0 if status == 403 else 2)
    # Once the user is verified, our row says so and Clerk is not called again.
    assert len(stand_ins.calls("clerk")) - 1 == (2 if status == 403 else 1)  # one more call fetches the key set


def test_no_call_to_clerk_is_made_for_a_verified_user(
    client: TestClient, free_user: SignedIn, stand_ins: StandInsClient
) -> None:
    assert client.post(ANALYZE, json=BODY, headers=free_user.headers).status_code == 202
    assert not any("/users/" in call["path"] for call in stand_ins.calls("clerk"))


def test_a_user_unknown_to_clerk_is_not_verified(client: TestClient, unverified: SignedIn) -> None:
    reply = client.post(ANALYZE, json=BODY, headers=unverified.headers)

    assert (reply.status_code, reply.json()["code"]) == (403, "verified_email_required")


def test_an_unverified_user_gets_503_while_clerk_is_down(
    client: TestClient, unverified: SignedIn, stand_ins: StandInsClient
) -> None:
    stand_ins.fault("clerk", "status", path="/v1/users/", status=500)

    reply = client.post(ANALYZE, json=BODY, headers=unverified.headers)

    assert (reply.status_code, reply.json()["code"]) == (503, "provider_unavailable")


def test_calls_to_clerk_about_one_unverified_user_are_limited(
    client: TestClient, unverified: SignedIn, stand_ins: StandInsClient
) -> None:
    known_to_clerk(stand_ins, unverified)

    statuses = [
        client.post(ANALYZE, json=BODY, headers=unverified.headers).status_code for _ in range(PROFILE_RATE.limit + 3)
    ]

    assert set(statuses) == {403}
    assert sum("/users/" in call["path"] for call in stand_ins.calls("clerk")) == PROFILE_RATE.limit


def test_verification_can_be_switched_off_by_a_setting(
    app: FastAPI, client: TestClient, unverified: SignedIn, rows: Session
) -> None:
    replace_services(app, require_verified_email=False)

    assert client.post(ANALYZE, json=BODY, headers=unverified.headers).status_code == 202


def test_an_invalid_url_is_reported_before_verification_is_checked(client: TestClient, unverified: SignedIn) -> None:
    reply = client.post(ANALYZE, json={"post_urls": ["https://example.com/"]}, headers=unverified.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_post_urls")
