"""The public keys of a Clerk instance, fetched sparingly and served stale rather than not at all.

PyJWT's own `PyJWKClient` forgets its keys when they expire while Clerk is away, tries again at every token then, and
lets some transport errors through; hence this one.
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
"""A flood of invented key ids makes one fetch in this time; a new key is honoured after as long."""
_COLD_COOLDOWN = timedelta(seconds=1)
_FORCED_COOLDOWN = timedelta(seconds=60)
_TIMEOUT_S = 3.0
_MAX_BYTES = 256 * 1024


class SigningKeys:
    """The keys by id; safe to share between threads."""

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
        """Return the key, or None if the instance has none of that id.

        Raises:
            ProviderError: no key was ever had and none can be had now.
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
        """Return the key if it was fetched recently; does no I/O."""
        return None if self._is_older_than(_LIFESPAN, self._fetched_at) else self._keys.get(key_id)

    def find_again(self, key_id: str, *, instead_of: jwt.PyJWK) -> jwt.PyJWK | None:
        """Return the key as the instance has it now: a rotated key may come back under the id of the old one.

        Fetches at most once a minute, and never twice in half a minute whatever else was fetched, so that forged
        signatures cannot make us a burden.

        Args:
            key_id: of the key.
            instead_of: the one that did not fit; None is returned where there is no other.
        """
        if self._is_older_than(_FORCED_COOLDOWN, self._forced_at) and self._refresh(not_within=_COOLDOWN):
            self._forced_at = self._tried_at
        found = self._keys.get(key_id)
        return None if found is instead_of else found

    def _refresh(self, *, not_within: timedelta) -> bool:
        """Fetch the keys, unless that was tried just now; return whether it was tried."""
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

    def _is_older_than(self, age: timedelta, moment: datetime | None) -> bool:
        return moment is None or self._clock() - moment >= age

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
    """Whether `key_ops`, which is optional, allows to verify signatures. Source: RFC 7517, 4.3."""
    return operations is None or (isinstance(operations, list) and "verify" in operations)
