import base64
import json
import time
from typing import Any

import httpx
import jwt
import pytest

from tests.fixtures.stand_ins import StandInsClient

ISSUER = "https://clerk.whyviral.localhost"
SECRET = {"Authorization": "Bearer sk_test_stand_in"}


def verified(stand_ins: StandInsClient, token: str) -> dict[str, Any]:
    keys = jwt.PyJWKClient(f"{stand_ins.base_url}/clerk/.well-known/jwks.json")
    key = keys.get_signing_key_from_jwt(token)
    required = {"require": ["exp", "iat", "nbf", "iss", "sub", "sid"], "verify_aud": False}
    return jwt.decode(token, key, algorithms=["RS256"], issuer=ISSUER, leeway=5, options=required)  # type: ignore[arg-type] # a TypedDict


def backend(stand_ins: StandInsClient, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
    return stand_ins.http.request(method, f"/clerk/v1{path}", json=body, headers=SECRET, **options)


def code_of(reply: httpx.Response) -> tuple[int, str]:
    body = reply.json()
    assert body["clerk_trace_id"]
    return reply.status_code, body["errors"][0]["code"]


def test_a_token_verifies_by_the_public_keys_and_has_the_claims_of_version_2(stand_ins: StandInsClient) -> None:
    order = stand_ins.token("jo@example.com")

    claims = verified(stand_ins, order["token"])

    now = int(time.time())
    assert claims["sub"] == order["user_id"]
    assert claims["sid"] == order["session_id"]
    assert (claims["v"], claims["sts"], claims["fva"]) == (2, "active", [0, -1])
    assert claims["exp"] - claims["iat"] == 60
    assert claims["iat"] - claims["nbf"] == 5
    assert abs(claims["iat"] - now) <= 5
    assert "email" not in claims
    assert "aud" not in claims


def test_the_id_of_a_user_is_derived_from_the_address(stand_ins: StandInsClient) -> None:
    first = stand_ins.token("jo@example.com")
    again = stand_ins.token("JO@example.com")

    assert again["user_id"] == first["user_id"] == "user_6MUX4EHfon3rjRMsp9mdOLJl9sF"
    assert again["session_id"] != first["session_id"]
    assert stand_ins.token("kim@example.com")["user_id"] != first["user_id"]


def test_claims_can_be_replaced_and_removed(stand_ins: StandInsClient) -> None:
    overrides = {"email": "jo@example.com", "fva": None, "azp": "http://localhost:3000"}
    token = stand_ins.token("jo@example.com", session_id="sess_mine", expires_in_seconds=3600, overrides=overrides)

    claims = verified(stand_ins, token["token"])

    assert claims["sid"] == token["session_id"] == "sess_mine"
    assert claims["email"] == "jo@example.com"
    assert claims["azp"] == "http://localhost:3000"
    assert claims["exp"] - claims["iat"] == 3600
    assert "fva" not in claims


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ({"expires_in_seconds": -30}, jwt.ExpiredSignatureError),
        ({"overrides": {"iss": "https://clerk.elsewhere.dev"}}, jwt.InvalidIssuerError),
        ({"overrides": {"nbf": 4_000_000_000}}, jwt.ImmatureSignatureError),
        ({"overrides": {"sub": None}}, jwt.MissingRequiredClaimError),
        ({"key": "other"}, jwt.InvalidSignatureError),
        ({"algorithm": "HS256"}, jwt.InvalidAlgorithmError),
        ({"algorithm": "none"}, jwt.InvalidAlgorithmError),
        ({"kid": "ins_unknown"}, jwt.PyJWKClientError),
    ],
)
def test_forged_tokens_do_not_verify(stand_ins: StandInsClient, order: dict[str, Any], error: type[Exception]) -> None:
    token = stand_ins.token(**order)["token"]

    with pytest.raises(error):
        verified(stand_ins, token)


def test_a_token_can_claim_a_pending_session(stand_ins: StandInsClient) -> None:
    token = stand_ins.token(overrides={"sts": "pending"})["token"]

    assert verified(stand_ins, token)["sts"] == "pending"


def test_a_session_of_another_user_is_refused(stand_ins: StandInsClient) -> None:
    session_id = stand_ins.token("jo@example.com")["session_id"]

    reply = stand_ins.http.post("/__control/tokens", json={"email": "kim@example.com", "session_id": session_id})

    assert reply.status_code == 422


@pytest.mark.parametrize("same_kid", [True, False])
def test_a_rotated_key_no_longer_verifies_older_tokens(stand_ins: StandInsClient, *, same_kid: bool) -> None:
    old = stand_ins.token()["token"]
    old_kid = jwt.get_unverified_header(old)["kid"]

    stand_ins.rotate_key(same_kid=same_kid)

    new = stand_ins.token()["token"]
    assert verified(stand_ins, new)
    assert (jwt.get_unverified_header(new)["kid"] == old_kid) is same_kid
    with pytest.raises(jwt.InvalidSignatureError if same_kid else jwt.PyJWKClientError):
        verified(stand_ins, old)


def test_the_backend_api_requires_the_secret_key(stand_ins: StandInsClient) -> None:
    for headers in ({}, {"Authorization": "Bearer sk_test_other"}, {"Authorization": "sk_test_stand_in"}):
        reply = stand_ins.http.get("/clerk/v1/users", headers=headers)
        assert code_of(reply) == (401, "clerk_key_invalid")


def test_both_key_sets_are_the_same(stand_ins: StandInsClient) -> None:
    public = stand_ins.http.get("/clerk/.well-known/jwks.json").json()

    assert backend(stand_ins, "GET", "/jwks").json() == public
    assert "d" not in public["keys"][0]


def test_a_user_is_created_found_and_signed_in(stand_ins: StandInsClient) -> None:
    email = f"new{time.monotonic_ns()}@example.com"
    order = {"email_address": [email], "first_name": "Jo", "public_metadata": {"a": 1}, "password": "long enough"}

    user = backend(stand_ins, "POST", "/users", order).json()
    session = backend(stand_ins, "POST", "/sessions", {"user_id": user["id"]}).json()
    token = backend(stand_ins, "POST", f"/sessions/{session['id']}/tokens", {"expires_in_seconds": 300}).json()

    assert backend(stand_ins, "GET", f"/users/{user['id']}").json() == user
    assert backend(stand_ins, "GET", "/users", params={"email_address": email.upper()}).json() == [user]
    assert (user["first_name"], user["public_metadata"], user["password_enabled"]) == ("Jo", {"a": 1}, True)
    assert user["primary_email_address_id"] == user["email_addresses"][0]["id"]
    assert user["email_addresses"][0]["verification"]["status"] == "verified"
    assert stand_ins.token(email)["user_id"] == user["id"]
    claims = verified(stand_ins, token["jwt"])
    assert (claims["sub"], claims["sid"], claims["exp"] - claims["iat"]) == (user["id"], session["id"], 300)


def test_a_reserved_address_is_not_verified(stand_ins: StandInsClient) -> None:
    email = f"reserved{time.monotonic_ns()}@example.com"
    order = {"email_address": [email], "email_address_identification_status": ["reserved"]}

    address = backend(stand_ins, "POST", "/users", order).json()["email_addresses"][0]

    assert address["reserved"]
    assert address["verification"] is None


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({}, "form_param_missing"),
        ({"email_address": "a@b.co"}, "form_param_missing"),
        ({"email_address": ["nobody"]}, "form_param_format_invalid"),
        ({"email_address": [5]}, "form_param_format_invalid"),
        ({"email_address": ["known@example.com"]}, "form_identifier_exists"),
        ({"email_address": ["nobody-yet@example.com"], "password": "short"}, "form_password_length_too_short"),
        ({"email_address": ["nobody-yet@example.com"], "public_metadata": []}, "form_param_format_invalid"),
        ({"email_address": ["nobody-yet@example.com"], "surprise": 1}, "form_param_unknown"),
    ],
)
def test_a_bad_user_is_refused_with_clerks_code(stand_ins: StandInsClient, order: dict[str, Any], code: str) -> None:
    stand_ins.token("known@example.com")

    assert code_of(backend(stand_ins, "POST", "/users", order)) == (422, code)


def test_a_revoked_session_issues_no_tokens(stand_ins: StandInsClient) -> None:
    order = stand_ins.token()
    path = f"/sessions/{order['session_id']}"

    revoked = backend(stand_ins, "POST", f"{path}/revoke").json()

    assert revoked["status"] == "revoked"
    assert backend(stand_ins, "GET", path).json() == revoked
    active = backend(stand_ins, "GET", "/sessions", params={"user_id": order["user_id"], "status": "active"}).json()
    assert order["session_id"] not in [session["id"] for session in active]
    assert code_of(backend(stand_ins, "POST", f"{path}/tokens")) == (404, "resource_not_found")
    assert verified(stand_ins, order["token"])["sid"] == order["session_id"]


@pytest.mark.parametrize("path", ["/users/user_nobody", "/sessions/sess_none"])
def test_an_unknown_id_is_not_found(stand_ins: StandInsClient, path: str) -> None:
    assert code_of(backend(stand_ins, "GET", path)) == (404, "resource_not_found")


def test_bad_parameters_are_refused_in_clerks_form(stand_ins: StandInsClient) -> None:
    session_id = stand_ins.token()["session_id"]

    replies = [
        backend(stand_ins, "GET", "/users", params={"limit": "many"}),
        backend(stand_ins, "POST", f"/sessions/{session_id}/tokens", {"expires_in_seconds": 5}),
    ]

    assert [code_of(reply) for reply in replies] == [(422, "form_param_format_invalid")] * 2
    assert code_of(backend(stand_ins, "POST", "/sessions", {})) == (422, "form_param_missing")
    assert code_of(backend(stand_ins, "POST", "/sessions", {"user_id": "user_nobody"})) == (404, "resource_not_found")
    assert code_of(backend(stand_ins, "POST", "/users", [])) == (400, "request_body_invalid")


def test_an_unsigned_forgery_has_no_signature(stand_ins: StandInsClient) -> None:
    header, _, signature = stand_ins.token(algorithm="none")["token"].split(".")

    assert json.loads(base64.urlsafe_b64decode(header + "=="))["alg"] == "none"
    assert signature == ""
