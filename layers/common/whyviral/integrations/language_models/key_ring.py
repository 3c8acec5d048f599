"""The API keys of Gemini, and which of them can be used now."""

from collections.abc import Sequence
from datetime import datetime

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.api_keys import checked_key

from .errors import PROVIDER, SERVICE


class KeyRing:
    """The keys in the order in which they are tried; a key that failed is on cooldown."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(dict.fromkeys(checked_key(key, name="GEMINI_API_KEY") for key in keys))
        if not self._keys:
            raise ValueError("GEMINI_API_KEY is missing")
        self._cooldowns: dict[str, datetime | None] = {}

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
            provider=PROVIDER,
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
