"""Session tokens of Clerk, verified on our side. Source: clerk.com/docs, "Session tokens"."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import jwt
from pydantic import Field, StringConstraints, ValidationError

from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.http.vendor_model import Lenient, VendorModel

from .signing_keys import SigningKeys

_LEEWAY_S = 5
_MAX_TOKEN = 8 * 1024
"""Clerk keeps tokens below the 4 KB of a cookie. Source: clerk.com/docs, "Session tokens"."""
_MAX_HEADER = 2 * 1024
_MAX_KEY_ID = 255
_REQUIRED_CLAIMS = ["exp", "iat", "nbf", "iss", "sub", "sid"]
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")

type Moment = Annotated[int, Field(strict=True, ge=0, lt=253_402_300_800)]
"""Seconds since 1970 that a date can hold."""
type Identifier = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]
type PersonalText = Annotated[
    str, StringConstraints(min_length=1, max_length=320, strip_whitespace=True, pattern=r"^[^\x00]*$")
]
"""Postgres holds no NUL in a text."""


class InvalidSessionToken(Exception):
    """The token proves nothing.

    Attributes:
        reason: a short word for logs: expired, not_yet_valid, wrong_issuer, wrong_party, wrong_algorithm, unknown_key,
            bad_signature, missing_claim, pending or malformed.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """Who calls, as a verified token says."""

    user_id: str
    session_id: str
    email: str | None
    """Like `name`, only there if the instance is set up to put it into its tokens."""
    name: str | None
    issued_at: datetime
    expires_at: datetime
    actor: str | None
    """The user id of whoever impersonates the user."""


class _Actor(VendorModel):
    sub: Identifier


class _Claims(VendorModel):
    sub: Identifier
    sid: Identifier
    exp: Moment
    nbf: Moment
    iat: Moment
    azp: str | None = None
    sts: str | None = None
    act: _Actor | None = None
    email: Lenient[PersonalText] = None
    name: Lenient[PersonalText] = None


def frontend_host(publishable_key: str) -> str:
    """Return the host of the Frontend API that a publishable key names; blanks around the key do not matter.

    Raises:
        ValueError: not a publishable key.
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
    """Checks session tokens of one Clerk instance; build it once per process, it keeps the instance's keys."""

    def __init__(
        self,
        publishable_key: str,
        authorized_parties: Sequence[str] = (),
        *,
        require_azp: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        """Make the verifier; nothing is fetched yet.

        Args:
            publishable_key: names the instance.
            authorized_parties: the origins whose tokens we take; none: any.
            require_azp: whether to refuse tokens that name no origin, as those of non-browser clients do not.
            clock: tells the time.

        Raises:
            ValueError: not a publishable key.
        """
        self._issuer = f"https://{frontend_host(publishable_key)}"
        self._authorized_parties = frozenset(authorized_parties)
        self._require_azp = require_azp
        self._clock = clock
        self._keys = SigningKeys(self._issuer, clock=clock)

    def verify(self, token: str) -> SessionClaims:
        """Return what the token proves.

        Raises:
            InvalidSessionToken: it proves nothing.
            ProviderError: the instance's keys cannot be had, so nothing can be said.
        """
        return self._checked(self._verified_payload(token))

    def verify_with_known_keys(self, token: str) -> SessionClaims | None:
        """Return what the token proves by the keys at hand; None where only `verify` can tell, which may fetch keys.

        Raises:
            InvalidSessionToken: it proves nothing.
        """
        key = self._keys.find_known(_key_id(token))
        if key is None:
            return None
        try:
            payload = self._decode(token, key)
        except InvalidSessionToken as exc:
            if exc.reason == "bad_signature":  # the key may have been rotated
                return None
            raise
        return self._checked(payload)

    def _checked(self, payload: dict[str, Any]) -> SessionClaims:
        claims = _read_claims(payload)
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

    def _verified_payload(self, token: str) -> dict[str, Any]:
        key_id = _key_id(token)
        key = self._keys.find(key_id)
        if key is None:
            raise InvalidSessionToken("unknown_key")
        try:
            return self._decode(token, key)
        except InvalidSessionToken as exc:
            newer = self._keys.find_again(key_id, instead_of=key) if exc.reason == "bad_signature" else None
            if newer is None:
                raise
        return self._decode(token, newer)

    def _decode(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                # The times are checked against our clock below; session tokens have no audience.
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
            raise InvalidSessionToken(_reason(exc)) from None  # PyJWT quotes the token

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
    """Return which key the token claims to be signed with; keys that it brings along are never looked at."""
    if len(token) > _MAX_TOKEN or not token.isascii() or len(token.partition(".")[0]) > _MAX_HEADER:
        raise InvalidSessionToken("malformed")
    try:
        # Of the header alone: PyJWT checks every letter of what it is given, and the rest is read with the signature.
        header = jwt.get_unverified_header(f"{token.partition('.')[0]}..")
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
