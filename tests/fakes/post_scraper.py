"""A fake provider of posts, whose posts and failures tests set."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall
from whyviral.integrations.ports.post_scraper import (
    PostAsk,
    ScrapedAuthor,
    ScrapedPost,
    ScrapeFailure,
    ScrapeJob,
    ScrapeOutcome,
    ScrapePending,
)
from whyviral.vendor_calls.calls import CallCollector

USD_A_POST = Decimal("0.00015")


def asks_for(*post_ids: str) -> list[PostAsk]:
    return [PostAsk(post_id) for post_id in post_ids]


def scraped_post(post_id: str, **fields: Any) -> ScrapedPost:
    plain: dict[str, Any] = {
        "platform_post_id": post_id,
        "url": f"https://x.com/i/status/{post_id}",
        "author": ScrapedAuthor(username="jack", display_name="jack", followers=1_000),
        "text": f"Post {post_id} says hello.",
        "posted_at": datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
        "metrics": {"likes": 90_000, "comments": 2_000, "views": 2_000_000, "shares": 20_000},
        "language": "en",
        "raw": {"id": post_id},
    }
    return ScrapedPost(**plain | fields)


def scrape_error(category: ErrorCategory = ErrorCategory.PROVIDER_ERROR, **fields: Any) -> ProviderError:
    """Return an error of the provider's client; transient by default."""
    plain: dict[str, Any] = {
        "provider": "twitterapi",
        "category": category,
        "is_transient": True,
        "status": 503,
        "request_id": "r-1",
    }
    return ProviderError("The source of X posts is out of order.", **plain | fields)


class FakePostSource:
    """A provider with a default post for every id that is neither in `absent` nor in `posts`."""

    def __init__(self, clock: Clock) -> None:
        self.posts: dict[str, ScrapedPost | ScrapeFailure] = {}
        self.absent: set[str] = set()
        self.unanswered: set[str] = set()
        """The ids of posts for which no time is left."""
        self.errors: deque[ProviderError | None] = deque()
        """The errors of the next calls, one for each call; None for a call that succeeds."""
        self.wait_s = 10.0
        """The delay before the next poll of a job."""
        self.during: Callable[[], object] = lambda: None
        """Called during every call."""
        self.words: dict[str, str | None] = {}
        """The last known failure that was passed with each id."""
        self.asked: list[tuple[str, ...]] = []
        """The ids of every call, including failed calls."""
        self.paid: list[tuple[str, ...]] = []
        """The ids of every call that was answered."""
        self.slow: dict[str, int] = {}
        """The number of further polls that a job for each of these posts needs."""
        self.begun: list[tuple[str, ...]] = []
        """The ids of every job's posts; the job's own id is `job-` and its position here, from 1."""
        self.resumed: list[str] = []
        """The ids of the polled jobs, one for each post."""
        self.allowed: list[CallIntent] = []
        self.made: list[ExternalCall] = []
        self._clock = clock
        self._lock = threading.Lock()

    def build(self, *, calls: CallCollector) -> "FakeScraper":
        return FakeScraper(self, calls)

    def answer(self, asks: Sequence[PostAsk], calls: CallCollector) -> Mapping[str, ScrapeOutcome]:
        post_ids = [ask.post_id for ask in asks]
        intent = CallIntent(
            provider="twitterapi",
            operation="GET /twitter/tweets",
            started_at=self._clock(),
            most_usd=USD_A_POST * len(post_ids),
        )
        calls.begin(intent)
        self.allowed.append(intent)
        with self._lock:
            self.asked.append(tuple(post_ids))
            self.words |= {ask.post_id: ask.path_word for ask in asks}
            error = self.errors.popleft() if self.errors else None
        self.during()
        with self._lock:
            outcomes = {} if error else self._outcomes(asks)
        answered = [post_id for post_id, told in outcomes.items() if not isinstance(told, ScrapePending)]
        call = ExternalCall(
            id=intent.id,
            provider=intent.provider,
            operation=intent.operation,
            started_at=intent.started_at,
            duration_ms=12,
            status=error.status if error else 200,
            error_category=error.category if error else None,
            cost_usd=USD_A_POST * len(answered),
        )
        calls.record(call)
        self.made.append(call)
        if error:
            raise error
        self.paid.append(tuple(answered))
        return outcomes

    def _outcomes(self, asks: Sequence[PostAsk]) -> dict[str, ScrapeOutcome]:
        new = tuple(ask.post_id for ask in asks if ask.post_id in self.slow and ask.running is None)
        if new:
            self.begun.append(new)
        outcomes: dict[str, ScrapeOutcome] = {}
        for ask in asks:
            if ask.post_id in self.unanswered:
                continue
            self.resumed += [ask.running.id] if ask.running else []
            left = self.slow.get(ask.post_id, 0)
            if ask.post_id in new or (ask.running and left > 0):
                self.slow[ask.post_id] = left - (ask.running is not None)
                job = ask.running or ScrapeJob(f"job-{len(self.begun)}", "posts", ask.next_number)
                outcomes[ask.post_id] = ScrapePending(ask.post_id, job, self.wait_s)
            else:
                outcomes[ask.post_id] = self._outcome(ask.post_id)
        return outcomes

    def _outcome(self, post_id: str) -> ScrapedPost | ScrapeFailure:
        if post_id in self.absent:
            return ScrapeFailure(post_id, ErrorCategory.NOT_FOUND, "X shows no public post at this address.")
        return self.posts.get(post_id) or scraped_post(post_id)


class FakeScraper:
    """A `PostScraper` that calls a `FakePostSource`."""

    def __init__(self, source: FakePostSource, calls: CallCollector) -> None:
        self._source = source
        self._calls = calls

    def fetch_posts(self, asks: Sequence[PostAsk]) -> Mapping[str, ScrapeOutcome]:
        return self._source.answer(asks, self._calls)
