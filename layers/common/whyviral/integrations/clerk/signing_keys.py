"""A cache of a Clerk instance's public keys, which limits fetches and serves stale keys while Clerk is unavailable.

PyJWT's own `PyJWKClient` is not used: when its keys expire while Clerk is unavailable, it drops them and fetches again
for every token, and it lets some transport errors through.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import httpx
import jwt

from whyviral.core import endpoints
from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.bounded import fetch, shared_client
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json

from .api_call import PROVIDER, SERVICE, USER_AGENT

_LIFESPAN = timedelta(hours=1)
_COOLDOWN = timedelta(seconds=30)
"""The minimum interval between fetches, however many unknown key ids arrive; a new key is accepted after it."""
_COLD_COOLDOWN = timedelta(seconds=1)
_FORCED_COOLDOWN = timedelta(seconds=60)
_TIMEOUT_S = 3.0
_MAX_BYTES = 256 * 1024


class SigningKeys:
    """The cached keys by id; safe to share between threads."""

    def __init__(self, issuer: str, *, clock: Clock) -> None:
        base_url = endpoints.current().clerk_frontend_url or issuer
        self._url = f"{base_url}/.well-known/jwks.json"
        self._clock = clock
        self._lock = Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._forced_at: datetime | None = None

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key, or None if the instance has no key with this id.

        Raises:
            ProviderError: no keys are cached, and none can be fetched.
        """
        if key_id not in self._keys or self._is_older_than(_LIFESPAN, self._fetched_at):
            self._refresh(not_within=_COOLDOWN if self._keys else _COLD_COOLDOWN)
        if not self._keys:
            raise ProviderError(
                "Sign-in cannot be checked right now. Please try again in a moment.",
                provider=PROVIDER,
                category=ErrorCategory.PROVIDER_ERROR,
                is_transient=True,
            )
        return self._keys.get(key_id)

    def find_known(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key if it was fetched within the last hour; does no I/O."""
        return None if self._is_older_than(_LIFESPAN, self._fetched_at) else self._keys.get(key_id)

    def find_rotated(self, key_id: str, *, current: jwt.PyJWK) -> jwt.PyJWK | None:
        """Return the key that replaced `current` under the same id; None if there is no other.

        It fetches at most once a minute, and not within 30 s of any other fetch, so that tokens with forged signatures
        cannot cause a flood of requests to Clerk.

        Args:
            key_id: the id of the key.
            current: the cached key, with which the signature could not be verified.
        """
        if self._is_older_than(_FORCED_COOLDOWN, self._forced_at) and self._refresh(not_within=_COOLDOWN):
            self._forced_at = self._tried_at
        found = self._keys.get(key_id)
        return None if found is current else found

    def _refresh(self, *, not_within: timedelta) -> bool:
        """Fetch the keys unless the last attempt was within `not_within`; return whether a fetch was attempted."""
        with self._lock:
            if not self._is_older_than(not_within, self._tried_at):
                return False
            self._tried_at = self._clock()
            try:
                self._keys = self._fetch()
            except (ProviderError, NotJson, jwt.PyJWTError):
                return True
            self._fetched_at = self._tried_at
            return True

    def _is_older_than(self, age: timedelta, at: datetime | None) -> bool:
        return at is None or self._clock() - at >= age

    def _fetch(self) -> Mapping[str, jwt.PyJWK]:
        """Return the keys that can sign session tokens."""
        answer = fetch(
            shared_client(PROVIDER),
            self._url,
            provider=PROVIDER,
            service=SERVICE,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            total_s=_TIMEOUT_S,
            max_bytes=_MAX_BYTES,
        )
        document = parse_untrusted_json(answer.body)
        entries = document.get("keys") if answer.status == httpx.codes.OK and isinstance(document, dict) else None
        usable = [entry for entry in entries if _signs_session_tokens(entry)] if isinstance(entries, list) else []
        return {key.key_id: key for key in jwt.PyJWKSet(usable).keys if key.key_id}


def _signs_session_tokens(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("kty") == "RSA"
        and entry.get("alg", "RS256") == "RS256"
        and entry.get("use", "sig") == "sig"
        and _may_verify(entry.get("key_ops"))
        and isinstance(entry.get("kid"), str)
    )


def _may_verify(operations: Any) -> bool:
    """Whether the optional `key_ops` allows the verification of signatures. Source: RFC 7517, 4.3."""
    return operations is None or (isinstance(operations, list) and "verify" in operations)
