"""What each provider bears with one key, and when we leave it in peace."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ProviderPolicy:
    """How one provider is treated."""

    service: str
    """Its name in sentences for the user."""
    requests_per_second: float | None
    """Of one key, where its owner has not said how many it may make; None: they keep no distance."""
    cooldown: timedelta
    """After a refusal for haste that does not say how long it lasts."""
    max_failures: int
    """So many calls refused for haste, failed or unanswered open the breaker …"""
    failure_window: timedelta
    """… where they come within so long."""
    open_for: timedelta
    """Then nobody calls, and after it one at a time; longer than any call lasts, so that there is one probe."""

    def min_interval(self, requests_per_second: float | None) -> timedelta:
        """Return the time between two calls; a fifth more than it must be, since calls travel for differently long.

        With a twenty-fifth more, which is what the vendor advises, one call in a hundred of fifty requests at once came
        too soon on a busy machine: tests/behaviour/test_many_requests.py. Source: twitterapi.io, 5.2 s for one in 5 s.
        """
        per_second = requests_per_second or self.requests_per_second
        return timedelta(seconds=1.2 / per_second) if per_second else timedelta()


POLICIES: Mapping[str, ProviderPolicy] = {
    # The least paid tier: 3 a second; a key without credit has 1 in 5 s, said by TWITTERAPI_REQUESTS_PER_SECOND.
    # Source: twitterapi.io/qps-limits, 2025-12.
    "twitterapi": ProviderPolicy(
        service="The source of X posts",
        requests_per_second=3.0,
        cooldown=timedelta(seconds=5),
        max_failures=10,
        failure_window=timedelta(minutes=1),
        open_for=timedelta(minutes=1),
    ),
    # 25 refusals for haste in 5 minutes block an address until support lifts it, and 10 are a warning; the longest
    # pause it advises is 32 s. There is no limit by the second: the distance bounds how many have their turn or are
    # under way when one is refused, since they may all be refused after it.
    # Source: docs.brightdata.com, "Rate limits", 2026-11.
    "brightdata": ProviderPolicy(
        service="The scraping service",
        requests_per_second=4.0,
        cooldown=timedelta(seconds=32),
        max_failures=10,
        failure_window=timedelta(minutes=5),
        open_for=timedelta(minutes=5),
    ),
    # Quotas are by project, model, minute and day, and told with each refusal.
    # Source: ai.google.dev/gemini-api/docs/rate-limits, 2026-11.
    "gemini": ProviderPolicy(
        service="The model that explains posts",
        requests_per_second=None,
        cooldown=timedelta(seconds=60),
        max_failures=10,
        failure_window=timedelta(minutes=1),
        open_for=timedelta(seconds=90),
    ),
    # 10,000 units a day and no limit by the second that we could reach. Source:
    # developers.google.com/youtube/v3/determine_quota_cost, 2026-11.
    "youtube": ProviderPolicy(
        service="YouTube's Data API",
        requests_per_second=None,
        cooldown=timedelta(minutes=1),
        max_failures=10,
        failure_window=timedelta(minutes=1),
        open_for=timedelta(minutes=1),
    ),
}
