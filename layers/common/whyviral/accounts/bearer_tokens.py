"""The caller behind a bearer token: a session token or an API key of Clerk's."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine

from whyviral.analytics.authentications import Caller
from whyviral.core.errors import AppError
from whyviral.core.keyed_locks import KeyedLocks
from whyviral.core.runner import Runner
from whyviral.integrations.clerk.api_keys import ApiKey, digest_of, is_api_key
from whyviral.integrations.clerk.client import ClerkClient
from whyviral.integrations.clerk.session_tokens import InvalidSessionToken, SessionClaims, SessionTokenVerifier
from whyviral.vendor_calls.calls import CallCollector

from .api_keys import ApiScope, KnownApiKeys, claims_of, count_check, record_check, require_scope
from .sessions import InvalidToken, verify_token


class NotAuthenticated(AppError):
    """The request carries neither a session token nor an API key in its Authorization header."""

    status_code = 401
    code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__("Sign in first: send your session token as `Authorization: Bearer <token>`.")


class Verification(Protocol):
    """The collaborators that verify tokens in one process."""

    @property
    def engine(self) -> Engine:
        """The database."""
        ...

    @property
    def connections(self) -> asyncio.Semaphore:
        """One permit for each connection in the engine's pool."""
        ...

    @property
    def verifier(self) -> SessionTokenVerifier:
        """Verifies session tokens."""
        ...

    @property
    def api_keys(self) -> KnownApiKeys:
        """The keys that were verified a moment ago."""
        ...

    @property
    def key_checks(self) -> KeyedLocks:
        """Let one request at a time verify an API key."""
        ...

    @property
    def run(self) -> Runner:
        """Runs work that waits."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time."""
        ...

    def clerk(self, calls: CallCollector) -> ClerkClient:
        """Return a client of Clerk that records its calls."""
        ...


def token_in(authorization: str) -> str:
    """Return the token of an `Authorization` header.

    Raises:
        NotAuthenticated: the header is empty or has another scheme.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated
    return token.strip()


async def verify_bearer(
    services: Verification, token: str, *, scope: ApiScope | None, caller: Callable[[], Caller]
) -> SessionClaims:
    """Return the claims of a session token or an API key.

    Args:
        services: the collaborators.
        token: the token.
        scope: the scope that an API key needs; None: no key is accepted.
        caller: returns the origin of the request.

    Raises:
        InvalidToken: the session token does not pass verification.
        InvalidApiKey: the key is unknown, revoked or expired.
        ApiKeyNotAllowed: no key is accepted.
        ApiKeyScopeMissing: the key has other scopes only.
        RateLimited: too many keys from this network had to be verified.
        ProviderError: Clerk does not answer.
    """
    if is_api_key(token):
        return await _claims_of_key(services, token, scope, caller)
    return await _claims_of(services, token)


async def _claims_of(services: Verification, token: str) -> SessionClaims:
    """Verify a session token. Only if Clerk's signing keys may have to be fetched is that given to the runner."""
    try:
        claims = services.verifier.verify_with_known_keys(token)
    except InvalidSessionToken as exc:
        raise InvalidToken(exc.reason) from exc
    if claims is None:
        return await services.run(verify_token, services.verifier, token)
    return claims


async def _claims_of_key(
    services: Verification, secret: str, scope: ApiScope | None, caller: Callable[[], Caller]
) -> SessionClaims:
    """Verify an API key. Parallel requests with a key that is not known yet wait for one verification."""
    key = services.api_keys.find(secret)
    if key is None:
        async with services.key_checks.one_at_a_time(digest_of(secret)):
            key = services.api_keys.find(secret) or await _verify_key(services, secret, caller())
    require_scope(key, scope)
    return claims_of(key)


async def _verify_key(services: Verification, secret: str, caller: Caller) -> ApiKey:
    """Ask Clerk about a key. No connection to the database is held meanwhile."""
    checked_at = services.clock()
    async with services.connections:
        await services.run(count_check, services.engine, caller, now=checked_at)
    calls = CallCollector()
    key: ApiKey | None = None
    try:
        key = await services.run(services.clerk(calls).find_api_key, secret)
    finally:
        async with services.connections:
            await services.run(record_check, services.engine, calls, key)
    return services.api_keys.add(secret, key, checked_at=checked_at)
