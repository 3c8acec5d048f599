"""The API keys of a model's vendor, and which of them can be used now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.api_keys import checked_key

from .errors import SERVICE

NO_KEY = ""
"""Stands for the missing key of a server that asks for none."""


class KeyRing:
    """The keys in the order in which they are tried; a key that failed is on cooldown."""

    def __init__(self, keys: Sequence[str], *, provider: str, setting: str) -> None:
        """Check the keys.

        Args:
            keys: in the order in which they are tried.
            provider: their vendor.
            setting: the setting that an error names.

        Raises:
            ValueError: there is no key, or one that no header can hold.
        """
        self._provider = provider
        self._keys = list(dict.fromkeys(checked_key(key, name=setting) for key in keys))
        if not self._keys:
            raise ValueError(f"{setting} is missing")
        self._cooldowns: dict[str, datetime | None] = {}

    @classmethod
    def without_key(cls, *, provider: str) -> Self:
        """Return the ring of a server that asks for no key."""
        ring = cls(["none"], provider=provider, setting="")
        ring._keys = [NO_KEY]
        return ring

    def pick(self, *, now: datetime) -> str:
        """Return the first key that may be used.

        Raises:
            ProviderError: rate_limit, with the time until a cooldown ends, or auth when every key was refused.
        """
        for key in self._keys:
            if key not in self._cooldowns or self._is_back(key, now):
                return key
        returns = [moment for moment in self._cooldowns.values() if moment is not None]
        raise ProviderError(
            f"{SERVICE} asks us to slow down." if returns else f"{SERVICE} refused our account.",
            provider=self._provider,
            category=ErrorCategory.RATE_LIMIT if returns else ErrorCategory.AUTH,
            is_transient=bool(returns),
            retry_after_s=(min(returns) - now).total_seconds() if returns else None,
        )

    def cool_down(self, key: str, *, until: datetime | None) -> None:
        """Skip a key until its cooldown ends, or for good."""
        self._cooldowns[key] = until

    def _is_back(self, key: str, now: datetime) -> bool:
        until = self._cooldowns[key]
        return until is not None and until <= now
