"""Local verification of Clerk's session tokens. Source: clerk.com/docs, "Session tokens"."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

import jwt
from pydantic import Field, StringConstraints, ValidationError

from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.http.vendor_model import Lenient, VendorModel

from .signing_keys import SigningKeys

_LEEWAY_S = 5
_MAX_TOKEN = 8 * 1024
"""Twice the 4 KB of a cookie, below which Clerk keeps its tokens. Source: clerk.com/docs, "Session tokens"."""
_MAX_HEADER = 2 * 1024
_MAX_KEY_ID = 255
_MAX_VERIFIED_TOKENS = 256
_REQUIRED_CLAIMS = ["exp", "iat", "nbf", "iss", "sub", "sid"]
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")

type EpochSeconds = Annotated[int, Field(strict=True, ge=0, lt=253_402_300_800)]
"""Seconds since 1970, within the range of a datetime."""
type Identifier = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]
type PersonalText = Annotated[
    str, StringConstraints(min_length=1, max_length=320, strip_whitespace=True, pattern=r"^[^\x00]*$")
]
"""Excludes NUL, which Postgres cannot store in text."""


class InvalidSessionToken(Exception):
    """The token is invalid.

    Attributes:
        reason: a short word for logs: expired, not_yet_valid, wrong_issuer, wrong_party, wrong_algorithm, unknown_key,
            bad_signature, missing_claim, pending or malformed.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """The claims of a verified token: the user, the session and its times."""

    user_id: str
    session_id: str
    email: str | None
    """Like `name`, present only if the Clerk instance is configured to put it into tokens."""
    name: str | None
    issued_at: datetime
    expires_at: datetime
    actor: str | None
    """The id of the user who impersonates this user; None: no impersonation."""


class _Actor(VendorModel):
    sub: Identifier


class _Claims(VendorModel):
    sub: Identifier
    sid: Identifier
    exp: EpochSeconds
    nbf: EpochSeconds
    iat: EpochSeconds
    azp: str | None = None
    sts: str | None = None
    act: _Actor | None = None
    email: Lenient[PersonalText] = None
    name: Lenient[PersonalText] = None


def frontend_host(publishable_key: str) -> str:
    """Return the Frontend API host that a publishable key encodes; surrounding blanks are ignored.

    Raises:
        ValueError: the text is not a publishable key.
    """
    match publishable_key.strip().split("_", 2):
        case ["pk", "test" | "live", encoded]:
            host = _decode_host(encoded)
        case _:
            host = None
    if host is None:
        raise ValueError("CLERK_PUBLISHABLE_KEY is not a publishable key: pk_test_ or pk_live_ and an encoded host")
    return host


class SessionTokenVerifier:
    """Verifies session tokens of one Clerk instance; create one per process, because it caches the instance's keys."""

    def __init__(
        self,
        publishable_key: str,
        authorized_parties: Sequence[str] = (),
        *,
        require_azp: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        """Create the verifier without fetching keys.

        Args:
            publishable_key: identifies the instance.
            authorized_parties: the origins whose tokens are accepted; empty: all origins.
            require_azp: whether to refuse tokens without an origin, which non-browser clients have.
            clock: the source of the current time.

        Raises:
            ValueError: the text is not a publishable key.
        """
        self._issuer = f"https://{frontend_host(publishable_key)}"
        self._authorized_parties = frozenset(authorized_parties)
        self._require_azp = require_azp
        self._clock = clock
        self._keys = SigningKeys(self._issuer, clock=clock)
        # A client sends the same token for up to a minute. Only the signature and the form of a token are remembered,
        # for the key that verified it; its times and its party are checked on each call.
        self._signed_claims = lru_cache(maxsize=_MAX_VERIFIED_TOKENS)(self._decode)

    def verify(self, token: str) -> SessionClaims:
        """Verify a token and return its claims.

        Raises:
            InvalidSessionToken: the token is invalid.
            ProviderError: the instance's keys cannot be fetched, so the token cannot be verified.
        """
        return self._checked(self._verified_claims(token))

    def verify_with_known_keys(self, token: str) -> SessionClaims | None:
        """Verify a token with the cached keys; None if only `verify`, which may fetch keys, can decide.

        Raises:
            InvalidSessionToken: the token is invalid.
        """
        key = self._keys.find_known(_key_id(token))
        if key is None:
            return None
        try:
            claims = self._signed_claims(token, key)
        except InvalidSessionToken as exc:
            if exc.reason == "bad_signature":  # the key may have been rotated
                return None
            raise
        return self._checked(claims)

    def _checked(self, claims: _Claims) -> SessionClaims:
        self._check(claims)
        return SessionClaims(
            user_id=claims.sub,
            session_id=claims.sid,
            email=claims.email,
            name=claims.name,
            issued_at=datetime.fromtimestamp(claims.iat, UTC),
            expires_at=datetime.fromtimestamp(claims.exp, UTC),
            actor=claims.act.sub if claims.act else None,
        )

    def _verified_claims(self, token: str) -> _Claims:
        key_id = _key_id(token)
        key = self._keys.find(key_id)
        if key is None:
            raise InvalidSessionToken("unknown_key")
        try:
            return self._signed_claims(token, key)
        except InvalidSessionToken as exc:
            rotated = self._keys.find_rotated(key_id, current=key) if exc.reason == "bad_signature" else None
            if rotated is None:
                raise
        return self._signed_claims(token, rotated)

    def _decode(self, token: str, key: jwt.PyJWK) -> _Claims:
        try:
            payload = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                # `_check` compares the times with our clock; session tokens have no audience.
                options={
                    "require": _REQUIRED_CLAIMS,
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "enforce_minimum_key_length": True,
                },
            )
        except jwt.PyJWTError as exc:
            raise InvalidSessionToken(_reason(exc)) from None  # PyJWT's message quotes the token
        return _read_claims(payload)

    def _check(self, claims: _Claims) -> None:
        now = self._clock().timestamp()
        if now >= claims.exp + _LEEWAY_S:
            raise InvalidSessionToken("expired")
        if max(claims.nbf, claims.iat) > now + _LEEWAY_S:
            raise InvalidSessionToken("not_yet_valid")
        if claims.azp is None:
            if self._require_azp:
                raise InvalidSessionToken("wrong_party")
        elif self._authorized_parties and claims.azp not in self._authorized_parties:
            raise InvalidSessionToken("wrong_party")
        if claims.sts == "pending":
            raise InvalidSessionToken("pending")


def _decode_host(encoded: str) -> str | None:
    padding = "=" * (-len(encoded) % 4)
    try:
        decoded = base64.b64decode(encoded + padding, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    host, end, rest = decoded.partition("$")
    return host if end and not rest and _HOST.fullmatch(host) else None


def _key_id(token: str) -> str:
    """Return the id of the key that the token claims to be signed with; keys inside the token are ignored."""
    header = token.partition(".")[0]
    if len(token) > _MAX_TOKEN or not token.isascii() or len(header) > _MAX_HEADER:
        raise InvalidSessionToken("malformed")
    return _key_id_of_header(header)


@lru_cache(maxsize=16)
def _key_id_of_header(encoded: str) -> str:
    """Return the key id in a header, which is the same text in all tokens that one key signs."""
    try:
        # Only the header is passed: PyJWT validates all it is given, and the rest is decoded with the signature later.
        header = jwt.get_unverified_header(f"{encoded}..")
    except jwt.PyJWTError:
        raise InvalidSessionToken("malformed") from None
    if header.get("alg") != "RS256":
        raise InvalidSessionToken("wrong_algorithm")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= _MAX_KEY_ID:
        raise InvalidSessionToken("malformed")
    return key_id


def _read_claims(payload: dict[str, Any]) -> _Claims:
    try:
        return _Claims.model_validate(payload)
    except ValidationError:
        raise InvalidSessionToken("malformed") from None


def _reason(exc: jwt.PyJWTError) -> str:
    match exc:
        case jwt.InvalidSignatureError():
            return "bad_signature"
        case jwt.InvalidIssuerError():
            return "wrong_issuer"
        case jwt.MissingRequiredClaimError():
            return "missing_claim"
        case jwt.InvalidAlgorithmError():
            return "wrong_algorithm"
        case _:
            return "malformed"
