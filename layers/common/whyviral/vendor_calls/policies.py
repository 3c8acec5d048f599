"""The rate limit and circuit breaker settings of each vendor, per API key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ProviderPolicy:
    """The limits that apply to one vendor."""

    service: str
    """The vendor's name in messages to users."""
    requests_per_second: float | None
    """The limit of one key where no setting says otherwise; None: no minimum interval."""
    cooldown: timedelta
    """The wait after a rate limit error without a Retry-After."""
    max_failures: int
    """The number of throttled, failed or unanswered calls that opens the breaker ..."""
    failure_window: timedelta
    """... when they fall within this time."""
    open_for: timedelta
    """How long the open breaker refuses all calls before it allows a probe; longer than any call, so only one runs."""

    def min_interval(self, requests_per_second: float | None) -> timedelta:
        """Return the time between two calls: 20 % above the required minimum, because network delays vary.

        With the 4 % that the vendor advises, one in a hundred calls of fifty concurrent requests arrived too early on a
        busy machine: tests/behaviour/test_many_requests.py. Source: twitterapi.io, 5.2 s for one in 5 s.
        """
        per_second = requests_per_second or self.requests_per_second
        return timedelta(seconds=1.2 / per_second) if per_second else timedelta()


_MODEL_POLICY = ProviderPolicy(
    service="The model that explains posts",
    requests_per_second=None,
    cooldown=timedelta(seconds=5),
    max_failures=10,
    failure_window=timedelta(minutes=1),
    open_for=timedelta(seconds=90),
)

POLICIES: Mapping[str, ProviderPolicy] = {
    # The least paid tier: 3 a second; a key without credit has 1 in 5 s, set by TWITTERAPI_REQUESTS_PER_SECOND.
    # Source: twitterapi.io/qps-limits, 2025-12.
    "twitterapi": ProviderPolicy(
        service="The source of X posts",
        requests_per_second=3.0,
        cooldown=timedelta(seconds=5),
        max_failures=10,
        failure_window=timedelta(minutes=1),
        open_for=timedelta(minutes=1),
    ),
    # 25 rate limit errors in 5 minutes block our address until support lifts the block; 10 are a warning. The longest
    # pause it advises is 32 s. It has no limit per second: the interval bounds how many calls are in flight when one
    # is refused, because all of those may be refused as well.
    # Source: docs.brightdata.com, "Rate limits", 2026-11.
    "brightdata": ProviderPolicy(
        service="The scraping service",
        requests_per_second=4.0,
        cooldown=timedelta(seconds=32),
        max_failures=10,
        failure_window=timedelta(minutes=5),
        open_for=timedelta(minutes=5),
    ),
    # Quotas are per project, model, minute and day, and each refusal names the one that was exceeded.
    # Source: ai.google.dev/gemini-api/docs/rate-limits, 2026-11.
    "gemini": ProviderPolicy(
        service="The model that explains posts",
        requests_per_second=None,
        cooldown=timedelta(seconds=60),
        max_failures=10,
        failure_window=timedelta(minutes=1),
        open_for=timedelta(seconds=90),
    ),
    # Limits are per account, model and minute, in requests and in tokens; the vendors say how long to wait, or nothing.
    # Source: platform.claude.com/docs/en/api/rate-limits, developers.openai.com/api/docs/guides/rate-limits, 2026-11.
    "anthropic": _MODEL_POLICY,
    "openai": _MODEL_POLICY,
    # A server of one's own has no limits but its load.
    "self_hosted": _MODEL_POLICY,
    # 10,000 units a day, and no limit per second that we could reach. Source:
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
