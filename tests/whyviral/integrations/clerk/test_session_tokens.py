import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from local.stand_ins.clerk.tokens import SigningKey
from tests.fixtures.stand_ins import StandInsClient
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.clerk.session_tokens import InvalidSessionToken, SessionTokenVerifier, frontend_host
from whyviral.integrations.errors import ProviderError


def _publishable_key(host: str, prefix: str = "pk_test_") -> str:
    return prefix + base64.b64encode(f"{host}$".encode()).decode()


PUBLISHABLE_KEY = _publishable_key("clerk.whyviral.localhost")


class MovedClock:
    """A clock that is offset from the real time."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def verifier(local_endpoints: Endpoints, clock: MovedClock) -> SessionTokenVerifier:
    return SessionTokenVerifier(PUBLISHABLE_KEY, clock=clock)


def _refusal(verifier: SessionTokenVerifier, token: str) -> str:
    with pytest.raises(InvalidSessionToken) as refusal:
        verifier.verify(token)
    assert token not in f"{refusal.value!s}{refusal.value!r}" or not token
    return refusal.value.reason


def _jwks_fetches(stand_ins: StandInsClient) -> int:
    return sum(call["path"].endswith("/jwks.json") for call in stand_ins.calls("clerk"))


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_a_publishable_key_encodes_its_host() -> None:
    assert frontend_host("pk_test_aGFwcHktY2F0LTEuY2xlcmsuYWNjb3VudHMuZGV2JA==") == "happy-cat-1.clerk.accounts.dev"
    assert frontend_host("pk_live_aGFwcHktY2F0LTEuY2xlcmsuYWNjb3VudHMuZGV2JA") == "happy-cat-1.clerk.accounts.dev"


def test_blanks_around_a_publishable_key_are_ignored() -> None:
    key = "pk_test_aGFwcHktY2F0LTEuY2xlcmsuYWNjb3VudHMuZGV2JA=="

    assert frontend_host(f" \t{key}\n") == "happy-cat-1.clerk.accounts.dev"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "sk_test_abc",
        "pk_prod_aGFwcHkuY29tJA==",
        "pk_test_",
        "pk_test_ä",
        "pk_test_!!!!",
        "pk_test_" + base64.b64encode(b"clerk.example.com").decode(),
        _publishable_key("localhost"),
        _publishable_key("evil.example/path"),
        _publishable_key("user@evil.example"),
        _publishable_key("evil.example:8080"),
        _publishable_key("a.example$b.example"),
        _publishable_key("a" * 64 + ".example"),
    ],
)
def test_an_invalid_publishable_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="CLERK_PUBLISHABLE_KEY is not a publishable key"):
        frontend_host(key)


def test_a_valid_token_identifies_the_caller(stand_ins: StandInsClient, verifier: SessionTokenVerifier) -> None:
    ordered = stand_ins.token()

    claims = verifier.verify(ordered["token"])

    assert (claims.user_id, claims.session_id) == (ordered["user_id"], ordered["session_id"])
    assert (claims.email, claims.name, claims.actor) == (None, None, None)
    assert claims.expires_at - claims.issued_at == timedelta(seconds=60)
    assert claims.issued_at.tzinfo is UTC


def test_custom_claims_and_the_impersonator_are_returned(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier
) -> None:
    overrides = {"email": "a@b.co", "name": "Ann", "act": {"iss": "x", "sid": "y", "sub": "user_admin"}, "aud": "other"}

    claims = verifier.verify(stand_ins.token(overrides=overrides)["token"])

    assert (claims.email, claims.name, claims.actor) == ("a@b.co", "Ann", "user_admin")


@pytest.mark.parametrize("email", ["", "  ", 5, ["a@b.co"], "a" * 400])
def test_a_custom_claim_that_is_not_text_is_ignored(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, email: Any
) -> None:
    assert verifier.verify(stand_ins.token(overrides={"email": email})["token"]).email is None


@pytest.mark.parametrize(("late_s", "reason"), [(-61, None), (3, None), (6, "expired"), (3600, "expired")])
def test_a_token_is_accepted_until_five_seconds_after_its_expiry(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock, late_s: int, reason: str | None
) -> None:
    token = stand_ins.token(expires_in_seconds=60)["token"]
    clock.by = timedelta(seconds=60 + late_s)

    if reason:
        assert _refusal(verifier, token) == reason
    else:
        verifier.verify(token)


@pytest.mark.parametrize("early_s", [70, 3600])
def test_a_token_that_is_not_valid_yet_is_refused(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock, early_s: int
) -> None:
    token = stand_ins.token()["token"]
    clock.by = timedelta(seconds=-early_s)

    assert _refusal(verifier, token) == "not_yet_valid"


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "iss", "sub", "sid"])
def test_a_token_without_a_required_claim_is_refused(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, claim: str
) -> None:
    assert _refusal(verifier, stand_ins.token(overrides={claim: None})["token"]) == "missing_claim"


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"iss": "https://clerk.elsewhere.example"}, "wrong_issuer"),
        ({"iss": "https://clerk.whyviral.localhost/"}, "wrong_issuer"),
        ({"sts": "pending"}, "pending"),
        ({"exp": "soon"}, "malformed"),
        ({"exp": 10**20}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"iat": -1}, "malformed"),
        ({"sid": ["sess_1"]}, "malformed"),
        ({"sid": ""}, "malformed"),
        ({"sub": "user 1\n"}, "malformed"),
        ({"azp": 5}, "malformed"),
        ({"act": "user_admin"}, "malformed"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, overrides: dict[str, Any], reason: str
) -> None:
    assert _refusal(verifier, stand_ins.token(overrides=overrides)["token"]) == reason


@pytest.mark.parametrize(
    ("azp", "require_azp", "is_taken"),
    [
        ("https://app.example", False, True),
        ("https://evil.example", False, False),
        (None, False, True),
        (None, True, False),
    ],
)
def test_a_token_with_an_unauthorised_origin_is_refused(
    stand_ins: StandInsClient, local_endpoints: Endpoints, azp: str | None, require_azp: bool, is_taken: bool
) -> None:
    verifier = SessionTokenVerifier(PUBLISHABLE_KEY, ["https://app.example"], require_azp=require_azp)
    token = stand_ins.token(overrides={"azp": azp})["token"]

    if is_taken:
        verifier.verify(token)
    else:
        assert _refusal(verifier, token) == "wrong_party"


@pytest.mark.parametrize(
    ("forgery", "reason"),
    [
        ({"key": "other"}, "bad_signature"),
        ({"kid": "ins_unknown"}, "unknown_key"),
        ({"algorithm": "HS256"}, "wrong_algorithm"),
        ({"algorithm": "none"}, "wrong_algorithm"),
    ],
)
def test_a_forged_token_is_refused(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, forgery: dict[str, str], reason: str
) -> None:
    assert _refusal(verifier, stand_ins.token(**forgery)["token"]) == reason


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "ä.b.c",
        "\ud800.b.c",
        "." * 8000,
        f"{_encoded({'alg': 'RS256'})}.e30.c2ln",
        f"{_encoded({'alg': 'RS256', 'kid': 5})}.e30.c2ln",
        f"{_encoded({'alg': 'RS256', 'kid': ''})}.e30.c2ln",
        f"{_encoded({'alg': 'RS256', 'kid': 'k' * 300})}.e30.c2ln",
        f"{_encoded({'alg': 'RS256', 'kid': 'k', 'crit': ['x'], 'x': 1})}.e30.c2ln",
        f"{_encoded({'alg': 'RS256', 'kid': 'k', 'padding': 'x' * 2000})}.e30.c2ln",
        f"{_encoded({'alg': 'RS256', 'kid': 'k'})}.{'e' * 9000}.c2ln",
    ],
)
def test_a_malformed_token_is_refused_without_a_fetch(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, token: str
) -> None:
    assert _refusal(verifier, token) == "malformed"
    assert _jwks_fetches(stand_ins) == 0


def test_a_key_inside_the_token_is_never_used(stand_ins: StandInsClient, verifier: SessionTokenVerifier) -> None:
    _, payload, signature = stand_ins.token(key="other")["token"].split(".")
    kid = "ins_mine"
    header = {"alg": "RS256", "kid": kid, "jku": f"{stand_ins.base_url}/evil", "jwk": {"kty": "RSA", "kid": kid}}

    assert _refusal(verifier, f"{_encoded(header)}.{payload}.{signature}") == "unknown_key"
    assert {call["path"] for call in stand_ins.calls("clerk")} == {"/.well-known/jwks.json"}


@pytest.mark.parametrize("change", [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": []}, {"key_ops": "verify"}])
def test_a_key_that_is_not_for_verifying_signatures_is_not_used(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, change: dict[str, Any]
) -> None:
    token = stand_ins.token()["token"]
    (key,) = httpx.get(f"{stand_ins.base_url}/clerk/.well-known/jwks.json").json()["keys"]
    other = SigningKey.generate(kid="ins_other").jwks()["keys"][0]
    stand_ins.fault("clerk", "status", path="/.well-known", status=200, body={"keys": [key | change, other]})

    assert _refusal(verifier, token) == "unknown_key"


@pytest.mark.parametrize("change", [{"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}, {"key_ops": None}])
def test_a_key_for_verifying_signatures_is_used(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, change: dict[str, Any]
) -> None:
    token = stand_ins.token()
    (key,) = httpx.get(f"{stand_ins.base_url}/clerk/.well-known/jwks.json").json()["keys"]
    stand_ins.fault("clerk", "status", path="/.well-known", status=200, body={"keys": [key | change]})

    assert verifier.verify(token["token"]).user_id == token["user_id"]


def test_the_keys_are_fetched_once_for_many_tokens(stand_ins: StandInsClient, verifier: SessionTokenVerifier) -> None:
    for _ in range(3):
        verifier.verify(stand_ins.token()["token"])

    assert _jwks_fetches(stand_ins) == 1


def test_many_unknown_key_ids_cause_one_fetch_in_thirty_seconds(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock
) -> None:
    for number in range(5):
        _refusal(verifier, stand_ins.token(kid=f"ins_{number}")["token"])
    in_the_first_moment = _jwks_fetches(stand_ins)
    clock.by = timedelta(seconds=31)
    for number in range(5):
        _refusal(verifier, stand_ins.token(kid=f"ins_{number}")["token"])

    assert (in_the_first_moment, _jwks_fetches(stand_ins)) == (1, 2)


def test_a_new_key_is_accepted_after_the_cooldown(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock
) -> None:
    verifier.verify(stand_ins.token()["token"])
    stand_ins.rotate_key(same_kid=False)
    token = stand_ins.token()["token"]

    assert _refusal(verifier, token) == "unknown_key"
    clock.by = timedelta(seconds=31)
    verifier.verify(token)


def test_a_rotated_key_under_the_old_id_is_accepted_unless_keys_were_fetched_just_before(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock
) -> None:
    verifier.verify(stand_ins.token()["token"])
    stand_ins.rotate_key(same_kid=True)
    token = stand_ins.token()["token"]

    assert _refusal(verifier, token) == "bad_signature"
    clock.by = timedelta(seconds=31)
    verifier.verify(token)

    assert _jwks_fetches(stand_ins) == 2


def test_a_token_that_was_accepted_is_refused_when_it_has_expired(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock
) -> None:
    token = stand_ins.token(expires_in_seconds=60)["token"]
    accepted = [verifier.verify(token), verifier.verify_with_known_keys(token)]
    clock.by = timedelta(seconds=66)

    assert accepted[0] == accepted[1]
    assert _refusal(verifier, token) == "expired"


def test_a_token_that_was_accepted_is_refused_when_its_key_was_replaced(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock
) -> None:
    token = stand_ins.token(expires_in_seconds=600)["token"]
    verifier.verify(token)
    stand_ins.rotate_key(same_kid=True)
    clock.by = timedelta(seconds=31)
    verifier.verify(stand_ins.token(expires_in_seconds=600)["token"])  # fetches the new key

    assert _refusal(verifier, token) == "bad_signature"


def test_forged_signatures_cause_one_fetch_a_minute(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock
) -> None:
    forgery = stand_ins.token(key="other", expires_in_seconds=600)["token"]
    for _ in range(3):
        assert _refusal(verifier, forgery) == "bad_signature"
    in_the_first_minute = _jwks_fetches(stand_ins)
    clock.by = timedelta(seconds=61)
    for _ in range(3):
        assert _refusal(verifier, forgery) == "bad_signature"

    assert (in_the_first_minute, _jwks_fetches(stand_ins)) == (1, 2)


def test_forged_tokens_of_all_kinds_cause_one_fetch_in_thirty_seconds(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock
) -> None:
    forgeries = [
        stand_ins.token(expires_in_seconds=3_600, **how)["token"] for how in ({"key": "other"}, {"kid": "ins_x"})
    ]
    verifier.verify(stand_ins.token()["token"])
    for second in range(1, 121):
        clock.by = timedelta(seconds=second)
        for forgery in forgeries:
            _refusal(verifier, forgery)

    assert _jwks_fetches(stand_ins) <= 1 + 120 // 30


@pytest.mark.parametrize("trouble", [{"mode": "status", "status": 500}, {"mode": "garbage"}, {"mode": "disconnect"}])
def test_stale_keys_are_used_while_clerk_is_unavailable(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock, trouble: dict[str, Any]
) -> None:
    token = stand_ins.token(expires_in_seconds=20_000)["token"]
    verifier.verify(token)
    clock.by = timedelta(hours=2)
    stand_ins.fault("clerk", path="/.well-known", **trouble)

    for _ in range(3):
        verifier.verify(token)

    assert _jwks_fetches(stand_ins) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        {"mode": "status", "status": 403},
        {"mode": "garbage"},
        {"mode": "disconnect"},
        {"mode": "status", "status": 200, "body": {"keys": []}},
        {"mode": "status", "status": 200, "body": {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k"}, 5]}},
        {"mode": "status", "status": 200, "body": {"keys": [{"kty": "RSA", "kid": "k", "n": 5, "e": []}]}},
        {"mode": "status", "status": 200, "body": []},
    ],
)
def test_tokens_cannot_be_verified_without_keys_until_clerk_is_available_again(
    stand_ins: StandInsClient, verifier: SessionTokenVerifier, clock: MovedClock, trouble: dict[str, Any]
) -> None:
    token = stand_ins.token()["token"]
    stand_ins.fault("clerk", path="/.well-known", times=1, **trouble)

    with pytest.raises(ProviderError) as failure:
        verifier.verify(token)

    assert failure.value.is_transient
    clock.by = timedelta(seconds=2)
    verifier.verify(token)


def test_the_keys_are_fetched_from_the_instance_of_the_publishable_key(local_endpoints: Endpoints) -> None:
    endpoints.use(Endpoints())

    verifier = SessionTokenVerifier(_publishable_key("clerk.example.com", "pk_live_"))

    assert verifier._keys._url == "https://clerk.example.com/.well-known/jwks.json"
