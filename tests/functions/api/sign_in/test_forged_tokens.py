"""Forged tokens: none is accepted, none triggers a bug, and none causes extra calls to Clerk."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import FastAPI
from jwt.algorithms import RSAAlgorithm
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from local.stand_ins.clerk.tokens import ISSUER
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import HOST, SignedIn
from whyviral.accounts.models import RevokedSession
from whyviral.core.clock import utc_now

ANY = "/api/accounts/me/"
MINE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
"""The forger's own key."""
MY_JWK = json.loads(RSAAlgorithm.to_jwk(MINE.public_key())) | {"kid": "mine", "alg": "RS256", "use": "sig"}

type Forge = Callable[["Forger"], str]


class Forger:
    """Forges tokens from public information and one genuine token."""

    def __init__(self, stand_ins: StandInsClient, user: SignedIn) -> None:
        self.genuine = user.headers["Authorization"].removeprefix("Bearer ")
        self.header, self.payload, self.signature = self.genuine.split(".")
        jwks = stand_ins.http.get("/clerk/.well-known/jwks.json").json()
        self.jwk: dict[str, Any] = jwks["keys"][0]
        self.kid: str = self.jwk["kid"]
        key = RSAAlgorithm.from_jwk(self.jwk)
        assert isinstance(key, rsa.RSAPublicKey)
        self.public_key = key
        self.user_id = user.user.clerk_user_id
        self._stand_ins = stand_ins

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return claims that would be accepted if they were signed. None removes a claim."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": ISSUER, "sub": self.user_id, "sid": "sess_forged", "iat": now, "nbf": now - 5}
        claims |= {"exp": now + 60, "v": 2, "sts": "active"} | changes
        return {name: value for name, value in claims.items() if value is not None}

    def signed_by_clerk(self, **changes: Any) -> str:
        """Return a token signed by Clerk's own key, with claims that must be refused."""
        token: str = self._stand_ins.token("forger@example.com", overrides={"sub": self.user_id} | changes)["token"]
        return token

    def unsigned(self, alg: Any, signature: str = "") -> str:
        return f"{part({'alg': alg, 'typ': 'JWT', 'kid': self.kid})}.{part(self.claims())}.{signature}"

    def headed(self, header: Any) -> str:
        """Return the genuine token with a changed header."""
        return f"{part(header)}.{self.payload}.{self.signature}"

    def mine(self, **header: Any) -> str:
        """Return a token signed by the forger's key, with header fields that point to that key."""
        return jwt.encode(self.claims(), MINE, algorithm="RS256", headers={"kid": self.kid} | header)

    def hmac_signed(self, key: bytes, alg: str = "HS256") -> str:
        signed = f"{part({'alg': alg, 'typ': 'JWT', 'kid': self.kid})}.{part(self.claims())}"
        return f"{signed}.{encode(hmac.digest(key, signed.encode(), hashlib.sha256))}"

    def public_bytes(self, encoding: serialization.Encoding, form: serialization.PublicFormat) -> bytes:
        return self.public_key.public_bytes(encoding, form)


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def part(document: Any) -> str:
    return encode(json.dumps(document).encode())


def other_algorithm(algorithm: str, key: Any) -> Forge:
    return lambda forger: jwt.encode(forger.claims(), key, algorithm=algorithm, headers={"kid": forger.kid})


def unsigned(algorithm: Any) -> Forge:
    return lambda forger: forger.unsigned(algorithm)


def named(key_id: str) -> Forge:
    return lambda forger: forger.mine(kid=key_id)


def without(claim: str) -> Forge:
    return lambda forger: forger.signed_by_clerk(**{claim: None})


SPELLINGS: list[Any] = [
    "none",
    "None",
    "NONE",
    "nOnE",
    "",
    " none",
    "none\x00",
    "null",
    None,
    0,
    True,
    [],
    ["RS256"],
    {},
]
KEY_IDS = [
    *("../../../../dev/null", "/etc/passwd", "file:///etc/passwd", "https://evil.example/key", "key|id", "$(id)"),
    *("' OR '1'='1", "'; drop table users; --", "{{7*7}}", "k\x00", "\u202e", "k" * 256, "k" * 255, " "),
]
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1

FORGERIES: dict[str, Forge] = {
    # No algorithm, in every spelling.
    **{f"alg {alg!r}": unsigned(alg) for alg in SPELLINGS},
    "alg none with a genuine signature": lambda forger: forger.unsigned("none", forger.signature),
    "alg missing": lambda forger: forger.headed({"kid": forger.kid}),
    # The public key used as an HMAC secret.
    "HS256 with the public key as PEM": lambda forger: forger.hmac_signed(forger.public_bytes(PEM, SPKI)),
    "HS256 with the PEM less its last line break": lambda forger: forger.hmac_signed(
        forger.public_bytes(PEM, SPKI).strip()
    ),
    "HS256 with the public key as PKCS1": lambda forger: forger.hmac_signed(forger.public_bytes(PEM, PKCS1)),
    "HS256 with the public key as DER": lambda forger: forger.hmac_signed(forger.public_bytes(DER, SPKI)),
    "HS256 with the modulus": lambda forger: forger.hmac_signed(forger.jwk["n"].encode()),
    "HS256 with the whole key set": lambda forger: forger.hmac_signed(json.dumps(forger.jwk).encode()),
    "HS256 with nothing": lambda forger: forger.hmac_signed(b""),
    "HS256 that says RS256": lambda forger: forger.hmac_signed(forger.public_bytes(PEM, SPKI), alg="RS256"),
    # Other algorithms.
    "RS512": other_algorithm("RS512", MINE),
    "PS256": other_algorithm("PS256", MINE),
    "ES256": other_algorithm("ES256", ec.generate_private_key(ec.SECP256R1())),
    "EdDSA": other_algorithm("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    "rs256 in lower case": lambda forger: forger.unsigned("rs256", forger.signature),
    # Keys that the token contains or points to.
    "a key of one's own under the genuine id": lambda forger: forger.mine(),
    "an embedded jwk": lambda forger: forger.mine(jwk=MY_JWK),
    "an embedded jwk under its own id": lambda forger: forger.mine(jwk=MY_JWK, kid="mine"),
    "jku to the forger": lambda forger: forger.mine(jku="https://evil.example/jwks.json", kid="mine"),
    "jku to this machine": lambda forger: forger.mine(jku="http://127.0.0.1:9/jwks.json", kid="mine"),
    "x5u to the forger": lambda forger: forger.mine(x5u="https://evil.example/cert.pem", kid="mine"),
    "x5c": lambda forger: forger.mine(x5c=[encode(b"certificate")], kid="mine"),
    "x5t": lambda forger: forger.mine(x5t=encode(b"thumbprint"), kid="mine"),
    **{f"kid {kid[:20]!r} of {len(kid)}": named(kid) for kid in KEY_IDS},
    "kid is a number": lambda forger: forger.headed({"alg": "RS256", "kid": 1}),
    "kid is a list": lambda forger: forger.headed({"alg": "RS256", "kid": [forger.kid]}),
    "kid missing": lambda forger: forger.headed({"alg": "RS256"}),
    "crit": lambda forger: forger.mine(crit=["exp"]),
    "b64 false": lambda forger: forger.mine(b64=False, crit=["b64"]),
    # A genuine token, changed.
    "another payload": lambda forger: f"{forger.header}.{part(forger.claims())}.{forger.signature}",
    "another header": lambda forger: forger.headed({"alg": "RS256", "kid": forger.kid, "x": 1}),
    "no signature": lambda forger: f"{forger.header}.{forger.payload}.",
    "two parts": lambda forger: f"{forger.header}.{forger.payload}",
    "four parts": lambda forger: f"{forger.genuine}.{forger.signature}",
    "five parts, as if encrypted": lambda forger: f"{forger.genuine}.a.b",
    "truncated": lambda forger: forger.genuine[:-20],
    "one letter less": lambda forger: forger.genuine[:-1],
    "a signature of zeros": lambda forger: f"{forger.header}.{forger.payload}.{encode(bytes(256))}",
    "a signature of another length": lambda forger: f"{forger.header}.{forger.payload}.{encode(bytes(10))}",
    "payload and header exchanged": lambda forger: f"{forger.payload}.{forger.header}.{forger.signature}",
    "quoted": lambda forger: f'"{forger.genuine}"',
    "twice": lambda forger: f"{forger.genuine},{forger.genuine}",
    "a line break inside": lambda forger: f"{forger.header}.{forger.payload}\t.{forger.signature}",
    # Malformed base64 and JSON.
    "a header that is no JSON": lambda forger: f"{encode(b'not json')}.{forger.payload}.{forger.signature}",
    "a header that is a list": lambda forger: forger.headed([]),
    "a header that is null": lambda forger: forger.headed(None),
    "a header that is not UTF-8": lambda forger: f"{encode(bytes([255, 254]))}.{forger.payload}.{forger.signature}",
    "a header nested deep": lambda forger: f"{encode(b'[' * 1_400)}.{forger.payload}.{forger.signature}",
    "alg twice in the header": lambda forger: ".".join(
        [encode(b'{"alg":"RS256","alg":"none","kid":"%s"}' % forger.kid.encode()), forger.payload, ""]
    ),
    "letters that are not base64": lambda forger: f"{forger.header}.{forger.payload}.!!!!",
    "a payload that is no JSON": lambda forger: f"{forger.header}.{encode(b'{')}.{forger.signature}",
    "huge": lambda forger: forger.genuine + "A" * 60_000,
    "a huge payload": lambda forger: f"{forger.header}.{'A' * 60_000}.{forger.signature}",
    "a huge header": lambda forger: f"{'A' * 60_000}.{forger.payload}.{forger.signature}",
    "dots": lambda _: "." * 5_000,
    # Signed by Clerk, but with claims that must be refused.
    "expired six seconds ago": lambda forger: forger.signed_by_clerk(exp=int(time.time()) - 6),
    "expired long ago": lambda forger: forger.signed_by_clerk(exp=0),
    "not yet valid": lambda forger: forger.signed_by_clerk(nbf=int(time.time()) + 60),
    "issued in the future": lambda forger: forger.signed_by_clerk(iat=int(time.time()) + 60),
    "another issuer": lambda forger: forger.signed_by_clerk(iss="https://clerk.evil.example"),
    "the issuer with a slash": lambda forger: forger.signed_by_clerk(iss=f"{ISSUER}/"),
    "another party": lambda forger: forger.signed_by_clerk(azp="https://evil.example"),
    "a list of parties": lambda forger: forger.signed_by_clerk(azp=["https://app.example.com"]),
    "pending": lambda forger: forger.signed_by_clerk(sts="pending"),
    **{f"without {claim}": without(claim) for claim in ("iss", "sub", "sid", "exp", "nbf", "iat")},
    "sub is a number": lambda forger: forger.signed_by_clerk(sub=5),
    "sub is SQL with a line break": lambda forger: forger.signed_by_clerk(sub="user' or 1=1 --\n"),
    "exp is text": lambda forger: forger.signed_by_clerk(exp="4102444800"),
    "exp is endless": lambda forger: forger.signed_by_clerk(exp=10**30),
    "exp is true": lambda forger: forger.signed_by_clerk(exp=True),
    "a session that has ended": lambda forger: forger.signed_by_clerk(sid="sess_ended"),
}


@pytest.fixture
def guarded(app: FastAPI, settings: Any) -> TestClient:
    """The API, configured to accept tokens of one frontend only."""
    verifier, now = app.state.services.verifier, utc_now()
    verifier._authorized_parties = frozenset({"https://app.example.com"})
    verifier._keys._clock = lambda: now  # lets keys be fetched again after half a minute
    return TestClient(app, base_url=f"http://{HOST}")


def test_there_are_at_least_sixty_forgeries() -> None:
    assert len(FORGERIES) >= 60


def test_all_forgeries_are_refused_without_a_bug_and_with_one_fetch_of_keys(
    guarded: TestClient, stand_ins: StandInsClient, free_user: SignedIn, rows: Session
) -> None:
    rows.merge(RevokedSession(session_id="sess_ended", reason="ended"))
    rows.commit()
    forger = Forger(stand_ins, free_user)
    tokens = {name: forge(forger) for name, forge in FORGERIES.items()}
    taken = guarded.get(ANY, headers=free_user.headers).status_code
    fetched = stand_ins.calls("clerk")

    answers = {}
    for name, token in tokens.items():
        reply = guarded.get(ANY, headers={b"Authorization": b"Bearer " + token.encode("latin-1", "replace")})
        answers[name] = reply.status_code
        assert reply.headers["WWW-Authenticate"] == "Bearer", name

    assert taken == 200
    assert {name: status for name, status in answers.items() if status != 401} == {}
    more = stand_ins.calls("clerk")[len(fetched) :]
    assert {call["path"] for call in more} <= {"/.well-known/jwks.json"}
    assert len(more) <= 1
    assert guarded.get(ANY, headers=free_user.headers).status_code == 200


@pytest.mark.parametrize("name", ["HS256 with the public key as PEM", "an embedded jwk", "expired six seconds ago"])
def test_a_forged_token_does_not_sign_in_through_the_login_route(
    guarded: TestClient, stand_ins: StandInsClient, free_user: SignedIn, name: str
) -> None:
    token = FORGERIES[name](Forger(stand_ins, free_user))

    reply = guarded.post("/api/accounts/login/", json={"token": token})

    assert (reply.status_code, reply.json()["code"]) == (401, "invalid_token")
