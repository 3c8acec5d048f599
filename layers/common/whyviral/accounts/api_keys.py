"""Callers with an API key of Clerk's: verifies the key, and decides what it allows.

Clerk bills verifications, so their results are remembered for a minute under a hash of the key. A revoked key therefore
works for at most that long.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Lock

from sqlalchemy import Engine

from whyviral.analytics.authentications import Caller
from whyviral.core.clock import Clock, utc_now
from whyviral.core.database import session_scope
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.api_keys import ApiKey, digest_of, has_shape_of_key
from whyviral.integrations.clerk.session_tokens import SessionClaims
from whyviral.throttling.rate_limits import RateLimited, RatePolicy, hit
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from . import repository
from .client_network import network_of

CHECK_RATE = RatePolicy("api-key-check", limit=120, window=timedelta(minutes=1))
"""The limit per network for keys that are not remembered, so that a flood of invented keys does not reach Clerk."""
MAX_AGE = timedelta(seconds=60)
_MAX_REMEMBERED = 10_000
_USER_PREFIX = "user_"


class ApiScope(StrEnum):
    """What an API key allows."""

    READ = "analysis:read"
    WRITE = "analysis:write"


class InvalidApiKey(AppError):
    """The API key is unknown, revoked, expired or not one of a user; `details.reason` says which."""

    status_code = 401
    code = "invalid_api_key"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The API key is not valid ({reason.replace('_', ' ')}). Create a new one in your account's settings.",
            details={"reason": reason},
        )


class ApiKeyNotAllowed(AppError):
    """The address does not accept API keys, because it changes the account or shows more than analyses."""

    status_code = 403
    code = "api_key_not_allowed"

    def __init__(self) -> None:
        super().__init__("API keys cannot be used for this. Sign in, and send a session token.")


class ApiKeyScopeMissing(AppError):
    """The API key lacks the scope that the call needs, which `details` names."""

    status_code = 403
    code = "api_key_scope_missing"

    def __init__(self, scope: ApiScope) -> None:
        super().__init__(
            f"This API key does not have the scope {scope.value}. Use a key with it, or one without scopes.",
            details={"scope": scope.value},
        )


@dataclass(frozen=True, slots=True)
class _Remembered:
    key: ApiKey | None
    """None: Clerk knows no such key."""
    checked_at: datetime


class KnownApiKeys:
    """The API keys that were verified within the last minute; create one per process. Safe to share between threads."""

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._lock = Lock()

    def find(self, secret: str) -> ApiKey | None:
        """Return the key if it was verified within the last minute; does no I/O.

        Raises:
            InvalidApiKey: the text is not a key, or it was found to be invalid within the last minute.
        """
        if not has_shape_of_key(secret):
            raise InvalidApiKey("malformed")
        with self._lock:
            found = self._remembered.get(digest_of(secret))
        if found is None or not timedelta() <= self._clock() - found.checked_at < MAX_AGE:
            return None
        return self._valid(found.key)

    def add(self, secret: str, key: ApiKey | None, *, checked_at: datetime) -> ApiKey:
        """Remember a verification and return the key.

        Args:
            secret: the key's text, of which only a hash is kept.
            key: the key; None: Clerk knows no such key.
            checked_at: when the verification began, so that a key that was revoked during it works no longer.

        Raises:
            InvalidApiKey: the key is not valid.
        """
        digest = digest_of(secret)
        with self._lock:
            self._remembered[digest] = _Remembered(key, checked_at)
            self._remembered.move_to_end(digest)
            while len(self._remembered) > _MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        return self._valid(key)

    def _valid(self, key: ApiKey | None) -> ApiKey:
        if key is None:
            raise InvalidApiKey("unknown")
        if key.is_revoked:
            raise InvalidApiKey("revoked")
        if key.is_expired or (key.expires_at is not None and key.expires_at <= self._clock()):
            raise InvalidApiKey("expired")
        if not key.subject.startswith(_USER_PREFIX):
            raise InvalidApiKey("not_of_a_user")
        return key


def count_check(engine: Engine, caller: Caller, *, now: datetime) -> None:
    """Count a verification for the caller's network, in a transaction of its own.

    Raises:
        RateLimited: too many keys from this network had to be verified.
    """
    with session_scope(engine) as session:
        state = hit(
            session,
            scope=CHECK_RATE.scope,
            subject=network_of(caller.address),
            limit=CHECK_RATE.limit,
            window=CHECK_RATE.window,
            now=now,
        )
    if not state.allowed:
        raise RateLimited(CHECK_RATE, state)


def record_check(engine: Engine, calls: CallCollector, key: ApiKey | None) -> None:
    """Record the calls of a verification, with the user if the key is one of a known user."""
    with session_scope(engine) as session:
        user = None if key is None else repository.find_user(session, key.subject)
        call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=None if user is None else user.id))


def require_scope(key: ApiKey, scope: ApiScope | None) -> None:
    """Check that a key allows a call. A key without scopes has all of them.

    Args:
        key: the key.
        scope: the scope that the call needs; None: no key allows it.

    Raises:
        ApiKeyNotAllowed: no key allows the call.
        ApiKeyScopeMissing: the key has other scopes only.
    """
    if scope is None:
        raise ApiKeyNotAllowed
    if key.scopes and scope not in key.scopes:
        raise ApiKeyScopeMissing(scope)


def claims_of(key: ApiKey) -> SessionClaims:
    """Return the claims of a caller with this key. The id of the key stands in place of a session's."""
    return SessionClaims(
        user_id=key.subject,
        session_id=key.id,
        email=None,
        name=None,
        issued_at=key.created_at,
        expires_at=key.expires_at or datetime.max.replace(tzinfo=UTC),
        actor=None,
    )
