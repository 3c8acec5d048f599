"""Session tokens in Clerk's form, and forged ones. Source: clerk.com/docs, "Session tokens"."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://clerk.whyviral.localhost"
DEFAULT_LIFE_S = 60
_ALLOWED_SKEW_S = 5
# Signs forged tokens that claim HS256. The value is public, and no verifier may accept it.
_PUBLIC_SECRET = "stand-in-secret-that-no-verifier-should-accept"  # noqa: S105 - not a secret


class Algorithm(StrEnum):
    """The algorithm in a token's header; only RS256 is genuine."""

    RS256 = "RS256"
    HS256 = "HS256"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key pair of the instance; Clerk uses the instance's id as `kid`, so a new key can have the same one."""

    kid: str
    private: rsa.RSAPrivateKey

    @classmethod
    def generate(cls, *, kid: str | None = None) -> "SigningKey":
        """Generate a key pair, with a new id unless one is given."""
        return cls(
            kid or f"ins_{secrets.token_hex(13)}", rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a key set."""
        key = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {"keys": [{"use": "sig", "kty": "RSA", "kid": self.kid, "alg": "RS256", "n": key["n"], "e": key["e"]}]}


def session_claims(user_id: str, session_id: str, *, expires_in_seconds: int = DEFAULT_LIFE_S) -> dict[str, Any]:
    """Return the claims of a version 2 session token, which like Clerk's has neither e-mail address nor name.

    Args:
        user_id: becomes `sub`.
        session_id: becomes `sid`.
        expires_in_seconds: negative for a token that has expired; such a token had the default lifetime.
    """
    now = int(time.time())
    issued_at = now if expires_in_seconds > 0 else now + expires_in_seconds - DEFAULT_LIFE_S
    return {
        "iss": ISSUER,
        "sub": user_id,
        "sid": session_id,
        "iat": issued_at,
        "nbf": issued_at - _ALLOWED_SKEW_S,
        "exp": now + expires_in_seconds,
        "jti": secrets.token_hex(10),
        "v": 2,
        "fva": [0, -1],
        "sts": "active",
        "pla": "u:free",
        "fea": "",
    }


def sign(key: SigningKey, claims: Mapping[str, Any]) -> str:
    """Return the claims as a genuine token."""
    return jwt.encode(dict(claims), key.private, algorithm="RS256", headers={"kid": key.kid, "cat": "cl_stand_in"})


def forge(kid: str, claims: Mapping[str, Any], algorithm: Algorithm) -> str:
    """Return the claims as a token that names `kid` but is not signed by its key."""
    key: rsa.RSAPrivateKey | str
    match algorithm:
        case Algorithm.RS256:
            key = SigningKey.generate().private
        case Algorithm.HS256:
            key = _PUBLIC_SECRET
        case Algorithm.NONE:
            key = ""
    return jwt.encode(dict(claims), key, algorithm=algorithm, headers={"kid": kid})
