"""Clerk's stand-in with Clerk's own SDK, whose models come from Clerk's specification and validate every answer."""

import time
from collections.abc import Iterator

import pytest
from clerk_backend_api import Clerk
from clerk_backend_api.models import (
    ClerkErrors,
    EmailAddressIdentificationStatus,
    SDKError,
    VerifyAPIKeyAPIKeysResponseResponseBody,
)

from tests.fixtures.stand_ins import StandInsClient

PASSWORD = "correct horse battery"


@pytest.fixture
def clerk(stand_ins: StandInsClient) -> Iterator[Clerk]:
    with Clerk(bearer_auth="sk_test_stand_in", server_url=f"{stand_ins.base_url}/clerk/v1") as clerk:
        yield clerk


@pytest.fixture
def email() -> str:
    return f"sdk{time.monotonic_ns()}@example.com"


@pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")  # the SDK's, about its own parameters
def test_a_user_is_created_verifies_an_address_and_is_deleted(
    clerk: Clerk, stand_ins: StandInsClient, email: str
) -> None:
    reserved = EmailAddressIdentificationStatus.RESERVED
    made = clerk.users.create(email_address=[email], email_address_identification_status=[reserved], password=PASSWORD)
    address = made.email_addresses[0]
    sent = clerk.email_addresses.prepare_verification(email_address_id=str(address.id))
    code = stand_ins.outbox()[-1]["code"]
    checked = clerk.email_addresses.attempt_verification(
        email_address_id=str(address.id), verification_id=str(sent.id), code=code
    )
    found = clerk.users.list(request={"email_address": [email]})
    deleted = clerk.users.delete(user_id=made.id)

    assert (address.reserved, sent.status, checked.status) == (True, "unverified", "verified")
    assert [user.id for user in found] == [made.id]
    assert found[0].email_addresses[0].verification is not None
    assert (deleted.id, deleted.deleted) == (made.id, True)


def test_a_password_gives_a_ticket_and_a_session_gives_a_token_until_it_is_revoked(
    clerk: Clerk, stand_ins: StandInsClient, email: str
) -> None:
    user_id = clerk.users.create(email_address=[email], password=PASSWORD).id
    verdict = clerk.users.verify_password(user_id=user_id, password=PASSWORD)
    ticket = clerk.sign_in_tokens.create(request={"user_id": user_id, "expires_in_seconds": 60})
    session = clerk.sessions.create(request={"user_id": user_id})
    token = clerk.sessions.create_token(session_id=session.id)
    revoked = clerk.sessions.revoke(session_id=session.id)

    assert (verdict.verified, ticket.user_id, ticket.status) == (True, user_id, "pending")
    assert str(token.jwt).count(".") == 2
    assert revoked.status == "revoked"


def test_an_address_in_use_is_refused_with_clerks_error(clerk: Clerk, stand_ins: StandInsClient, email: str) -> None:
    stand_ins.clerk_user(email)

    with pytest.raises(ClerkErrors) as refusal:
        clerk.users.create(email_address=[email], password=PASSWORD)

    assert refusal.value.data.errors[0].code == "form_identifier_exists"


def test_a_wrong_password_is_refused(clerk: Clerk, stand_ins: StandInsClient, email: str) -> None:
    user_id = stand_ins.clerk_user(email, PASSWORD)["id"]

    with pytest.raises((ClerkErrors, SDKError)) as refusal:
        clerk.users.verify_password(user_id=user_id, password="wrong horse")

    assert "incorrect_password" in str(refusal.value.body)


@pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")  # the SDK's, about its own parameters
def test_an_api_key_is_verified_until_it_is_revoked(clerk: Clerk) -> None:
    made = clerk.api_keys.create_api_key(
        name="script", subject="user_1", scopes=["analysis:read"], seconds_until_expiration=60
    )
    verified = clerk.api_keys.verify_api_key(secret=made.secret)
    revoked = clerk.api_keys.revoke_api_key(api_key_id=made.id, revocation_reason="leaked")
    after = clerk.api_keys.verify_api_key(secret=made.secret)

    assert (verified.id, verified.subject, verified.scopes) == (made.id, "user_1", ["analysis:read"])
    assert (verified.revoked, verified.expired, verified.expiration) == (False, False, made.created_at + 60_000)
    assert (revoked.revoked, after.revoked, after.revocation_reason) == (True, True, "leaked")
    with pytest.raises(VerifyAPIKeyAPIKeysResponseResponseBody) as unknown:
        clerk.api_keys.verify_api_key(secret="ak_unknown")
    assert unknown.value.status_code == 404
