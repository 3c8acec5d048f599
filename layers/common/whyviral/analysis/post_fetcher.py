"""How FetchPosts works: reuse what is fresh, claim what is not, pay once, and never wait inside the function."""

import math
import random
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.post_scraper import PostAsk, PostScraper, ScrapeFailure, ScrapeOutcome, ScrapePending
from whyviral.social import service as social_service
from whyviral.social.models import Post
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.settlement import record_calls

from . import repository
from .display_names import name_of
from .models import AnalysisRequestPost, PostAnalysisRequest, PostState, RequestStatus, Stage
from .pipeline import Outcome, RequestJob, StageResult, fail_post, fail_post_by_provider, lock_current, record_status

FETCH_BUDGET = timedelta(seconds=420)
"""From the start of the execution to the end of the last wait; with one run of 65 s and what Step Functions retries the
stage stays below its 500 s (tests/statemachine/test_longest_path.py)."""
OTHERS_WAIT = timedelta(seconds=60)
"""How long fetched posts wait for one at which the provider keeps failing, unless it asks us to slow down."""
OUTAGE_WAIT = timedelta(seconds=150)
"""How long anybody waits for a provider that fails without asking for patience: what several tries in that time do not
outlast is seldom over in the whole budget, and the user had better be told and try again."""
_BUSY_WAIT_S = 2
_SPREAD_S = 2.0
"""Those who were asked to wait until the same moment come back at different ones, and none before it."""
_STILL_WORKING = (
    "The provider is still reading this post; analyse it again in a few minutes, and it goes on from there."
)
_NO_TIME = "This post could not be fetched in time; try again."


class FetchJob(RequestJob):
    """FetchPosts of an attempt; `started_at` is when its execution began."""

    started_at: datetime


class FetchResult(StageResult):
    """What FetchPosts answers; `posts` are the ids of `analysis_request_posts` rows to go on with."""

    posts: tuple[uuid.UUID, ...] = ()


class BuildScraper(Protocol):
    """Makes a scraper that reports its calls to a collector."""

    def __call__(self, *, calls: CallCollector) -> PostScraper:
        """Make it."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where the posts of a platform come from."""

    build_scraper: BuildScraper
    is_stand_in: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """What asking the provider has left to wait for."""

    failure: ProviderError | None = None
    """One that may pass."""
    working_s: Mapping[str, float] = field(default_factory=dict)
    """When to ask again about the posts on which the provider works, by their platform ids."""


class PostFetcher:
    """FetchPosts with its collaborators; every platform has a source."""

    def __init__(
        self,
        engine: Engine,
        *,
        sources: Mapping[Platform, Source],
        reuse_for: timedelta,
        limits: SpendLimits,
        clock: Clock,
        jitter: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._engine = engine
        self._sources = {platform: sources[platform] for platform in Platform}
        self._reuse_for = reuse_for
        self._limits = limits
        self._clock = clock
        self._jitter = jitter
        self._sleep = sleep

    def fetch(self, job: FetchJob) -> FetchResult:
        """Fetch what can be fetched now.

        Returns:
            superseded, or wait with the seconds to wait, or fetched with the posts to go on with.
        """
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return FetchResult(outcome=Outcome.SUPERSEDED)
            asks = self._claim(session, job, request)
        asked = self._ask(job, Platform(request.platform), asks) if asks else _Asked()
        with session_scope(self._engine) as session:
            return self._conclude(session, job, asked)

    def _claim(self, session: Session, job: FetchJob, request: PostAnalysisRequest) -> Sequence[PostAsk]:
        """Return what to ask for: the posts that are now this attempt's to fetch."""
        if request.status == RequestStatus.PENDING:
            request.status = RequestStatus.PROCESSING
            request.started_at = self._clock()
        record_status(session, request, Stage.FETCHING_POSTS, progress=5, message="Fetching the posts.")
        pending = _pending(repository.list_request_posts(session, request.id))
        if not pending:
            return ()
        is_stand_in = self._sources[Platform(request.platform)].is_stand_in
        claims = social_service.claim_posts(
            session,
            request.platform,
            {post.platform_post_id: post.url for post in pending},
            lease_owner=job.lease_owner,
            now=self._clock(),
            reuse_for=self._reuse_for,
            is_stand_in=is_stand_in,
        )
        _attach(pending, claims.fresh)
        words = {post.platform_post_id: post.path_word for post in pending}
        asks = [
            PostAsk(id_, words[id_], job=social_service.find_job(post, now=self._clock(), is_stand_in=is_stand_in))
            for id_, post in claims.claimed.items()
        ]
        # A run may end before its last post: in another order each time, none waits for ever behind one that hangs.
        return sorted(asks, key=lambda _: self._jitter(0.0, 1.0))

    def _ask(self, job: FetchJob, platform: Platform, asks: Sequence[PostAsk]) -> _Asked:
        """Ask the provider and save what it says, jobs that it has begun included."""
        source = self._sources[platform]
        claimed = {ask.post_id for ask in asks}
        calls = Ledger(
            self._engine, job, Stage.FETCHING_POSTS, limits=self._limits, clock=self._clock, sleep=self._sleep
        )
        outcomes: Mapping[str, ScrapeOutcome] = {}
        failure: ProviderError | None = None
        try:
            outcomes = source.build_scraper(calls=calls).fetch_posts(asks)
        except ProviderError as exc:
            failure = exc
        with session_scope(self._engine) as session:
            record_calls(session, job, calls.drain(), step=Stage.FETCHING_POSTS)
            # Locked before the posts, as everywhere, so that two runs never wait for each other.
            is_current = lock_current(session, job) is not None
            # Posts are shared: what was paid for is kept even when this attempt has been superseded meanwhile.
            fetched = social_service.save_scraped(
                session,
                platform,
                outcomes,
                unanswered=claimed - outcomes.keys(),
                lease_owner=job.lease_owner,
                fetched_at=self._clock(),
                is_stand_in=source.is_stand_in,
            )
            if is_current:
                posts = repository.list_request_posts(session, job.request_id)
                _attach(posts, fetched.posts)
                _fail(posts, fetched.failures)
                if failure is not None and not failure.is_transient:
                    # Only what we asked for: the posts that another request is fetching may still come.
                    _give_up([post for post in _pending(posts) if post.platform_post_id in claimed], failure)
            else:
                # Whoever replaced this attempt need not wait for its leases, and goes on with the jobs it has begun.
                social_service.release_claims(session, platform, claimed, lease_owner=job.lease_owner)
        return _Asked(
            failure=failure if failure is not None and failure.is_transient else None,
            working_s={id_: told.wait_s for id_, told in outcomes.items() if isinstance(told, ScrapePending)},
        )

    def _conclude(self, session: Session, job: FetchJob, asked: _Asked) -> FetchResult:
        request = lock_current(session, job)
        if request is None:
            return FetchResult(outcome=Outcome.SUPERSEDED)
        posts = repository.list_request_posts(session, request.id)
        if pending := _pending(posts):
            wait_s = self._wait_s(job, asked, do_others_wait=any(post.state == PostState.FETCHED for post in posts))
            if wait_s is not None:
                return FetchResult(outcome=Outcome.WAIT, wait_s=wait_s)
            # The jobs stay with the posts, for whoever asks next.
            social_service.release_claims(
                session, request.platform, [post.platform_post_id for post in pending], lease_owner=job.lease_owner
            )
            _give_up(pending, asked.failure, working=asked.working_s.keys())
        fetched = [post.id for post in posts if post.state in (PostState.FETCHED, PostState.COLLECTED)]
        if fetched:
            request.display_name = name_of(repository.list_fetched_posts(session, request.id))
            known = sum(post.state != PostState.FAILED for post in posts)
            message = f"{known} of {len(posts)} posts are fetched."
            record_status(session, request, Stage.SOCIAL_DATA_FETCHED, progress=30, message=message)
        return FetchResult(outcome=Outcome.FETCHED, posts=tuple(fetched))

    def _wait_s(self, job: FetchJob, asked: _Asked, *, do_others_wait: bool) -> int | None:
        """Return how long to wait before the next try, or None when no try is left."""
        elapsed = self._clock() - job.started_at
        failure, budget = asked.failure, FETCH_BUDGET
        if failure is None:
            wait_s = min(asked.working_s.values(), default=float(_BUSY_WAIT_S))
        else:
            # The stage keeps no count of its tries: the pause grows with the time already spent.
            backoff_s = min(30.0, max(5.0, elapsed.total_seconds() / 2))
            asked_s = failure.retry_after_s or 0.0
            wait_s = asked_s + self._jitter(0.0, _SPREAD_S if asked_s else backoff_s)
            # The provider has answered for the others: what fails again and again is this post.
            if not asked.working_s and failure.category is not ErrorCategory.RATE_LIMIT:
                budget = OTHERS_WAIT if do_others_wait else OUTAGE_WAIT
        if elapsed + timedelta(seconds=wait_s) > budget:
            return None
        return max(1, math.ceil(wait_s))


def _pending(posts: list[AnalysisRequestPost]) -> list[AnalysisRequestPost]:
    return [post for post in posts if post.state == PostState.PENDING]


def _attach(posts: list[AnalysisRequestPost], found: Mapping[str, Post]) -> None:
    for post in posts:
        if post.platform_post_id in found and post.state == PostState.PENDING:
            post.post_id = found[post.platform_post_id].id
            post.state = PostState.FETCHED


def _fail(posts: list[AnalysisRequestPost], failures: Mapping[str, ScrapeFailure]) -> None:
    for post in posts:
        failure = failures.get(post.platform_post_id)
        if failure is not None and post.state == PostState.PENDING:
            fail_post(post, stage=Stage.FETCHING_POSTS, category=failure.category, message=failure.message)


def _give_up(posts: list[AnalysisRequestPost], failure: ProviderError | None, *, working: Collection[str] = ()) -> None:
    for post in posts:
        if failure is None:
            message = _STILL_WORKING if post.platform_post_id in working else _NO_TIME
            fail_post(post, stage=Stage.FETCHING_POSTS, category=ErrorCategory.TIMEOUT, message=message)
        else:
            fail_post_by_provider(post, failure, stage=Stage.FETCHING_POSTS)
