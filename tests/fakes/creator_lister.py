"""A fake source of creators' recent posts, whose lists and failures tests set."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

from whyviral.core.clock import Clock
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallIntent, CallRecorder, ExternalCall
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, ListedPost, ListingPending, PostKind
from whyviral.integrations.ports.post_scraper import ScrapeJob

USD_A_LIST = Decimal("0.006")


class FakeCreatorLister:
    """A source with 30 posts of 10,000 views for every creator, unless a test says otherwise."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.answers: deque[CreatorListing | ListingPending | ProviderError] = deque()
        """The next answers; without one, the default list."""
        self.most_usd: Decimal | None = USD_A_LIST
        """The highest possible cost of a call."""
        self.usd = USD_A_LIST
        self.asked: list[tuple[Creator, PostKind | None, ScrapeJob | None]] = []
        self.unknown: set[str] = set()
        """Handles that are refused with `refusal`."""
        self.refusal: ProviderError | None = None
        self.while_listing: Callable[[], object] = lambda: None
        """Called during each listing."""

    def build(self, *, calls: CallRecorder) -> "_Lister":
        return _Lister(self, calls)

    def posts(self, number: int = 30, *, kind: PostKind = PostKind.POST, views: int = 10_000) -> Sequence[ListedPost]:
        start = self._clock() - timedelta(days=3)
        return [
            ListedPost(f"7{day:03}", kind, start - timedelta(days=day), views=views, likes=views // 100)
            for day in range(number)
        ]

    def next_answer(
        self, creator: Creator, kind: PostKind | None, job: ScrapeJob | None
    ) -> CreatorListing | ListingPending:
        with self._lock:
            self.asked.append((creator, kind, job))
            answer = (
                self.answers.popleft()
                if self.answers
                else CreatorListing(creator, self.posts(kind=kind or PostKind.POST))
            )
        self.while_listing()
        if isinstance(answer, ProviderError):
            raise answer
        return answer


class _Lister:
    def __init__(self, source: FakeCreatorLister, calls: CallRecorder) -> None:
        self._source = source
        self._calls = calls

    def resolve(self, handle: str, *, timeout_s: float) -> Creator:
        del timeout_s
        if self._source.refusal is not None:
            raise self._source.refusal
        return Creator(id=f"id-{handle.lower()}", handle=handle)

    def list_posts(
        self, creator: Creator, kind: PostKind | None, *, job: ScrapeJob | None, timeout_s: float
    ) -> CreatorListing | ListingPending:
        assert timeout_s > 0
        now = self._source._clock()
        intent = CallIntent("twitterapi", "GET /twitter/user/last_tweets", now, most_usd=self._source.most_usd)
        self._calls.begin(intent)
        cost_usd = self._source.usd
        try:
            return self._source.next_answer(creator, kind, job)
        except ProviderError:
            cost_usd = Decimal(0)
            raise
        finally:
            self._calls.record(
                ExternalCall("twitterapi", intent.operation, now, 10, 200, cost_usd=cost_usd, id=intent.id)
            )
