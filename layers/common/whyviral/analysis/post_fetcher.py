"""FetchPosts: reuses fresh posts, claims and fetches the others, and never waits inside the function."""

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
from whyviral.social import repository as social_repository
from whyviral.social import service as social_service
from whyviral.social.models import Post
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.settlement import record_calls

from .creators.handle_posts import HandlePosts, PostsChosen, PostsPending, wait_of
from .display_names import name_of
from .models import AnalysisRequestPost, PostAnalysisRequest, PostState, RequestStatus, Stage
from .pipeline import Outcome, RequestJob, StageResult, fail_post, fail_post_by_provider, lock_current, record_status
from .repository import attempt_queries

FETCH_BUDGET = timedelta(seconds=420)
"""The time from the start of the execution to the end of the last wait. With one run of 65 s and the retries of Step
Functions the stage stays below its 500 s (tests/statemachine/test_longest_path.py)."""
OTHERS_WAIT = timedelta(seconds=60)
"""How long fetched posts wait for a post at which the provider keeps failing, unless it asks us to slow down."""
OUTAGE_WAIT = timedelta(seconds=150)
"""How long a request waits for a provider that fails without a `Retry-After`. An outage that survives several tries in
this time seldom ends within the whole budget, so failing early and letting the user retry is better."""
_BUSY_WAIT_S = 2
_JITTER_S = 2.0
"""Jitter after a `Retry-After`, so that waiters do not retry together; it only adds to the wait."""
_JOB_RUNNING = "The provider is still fetching this post. Analyse it again in a few minutes to continue from there."
_LIST_RUNNING = (
    "The list of this account's posts is still being made. Try again in a few minutes to continue from there."
)
_NO_TIME = "This post could not be fetched in time; try again."


class FetchJob(RequestJob):
    """The job of FetchPosts; `started_at` is when the execution started."""

    started_at: datetime


class FetchResult(StageResult):
    """The result of FetchPosts; `posts` are the ids of the `analysis_request_posts` rows to continue with."""

    posts: tuple[uuid.UUID, ...] = ()


class BuildScraper(Protocol):
    """A factory of scrapers that report their calls to a collector."""

    def __call__(self, *, calls: CallCollector) -> PostScraper:
        """Build a scraper."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a platform's posts: a scraper, real or a stand-in."""

    build_scraper: BuildScraper
    is_stand_in: bool


@dataclass(frozen=True, slots=True)
class _FetchOutcome:
    """What still has to be waited for after the provider was called."""

    failure: ProviderError | None = None
    """A transient failure of the whole call."""
    job_wait_s: Mapping[str, float] = field(default_factory=dict)
    """The wait until the next poll of the provider's running jobs, by platform post id."""


class PostFetcher:
    """Runs FetchPosts with its collaborators; every platform needs a source."""

    def __init__(
        self,
        engine: Engine,
        *,
        sources: Mapping[Platform, Source],
        handle_posts: HandlePosts,
        reuse_for: timedelta,
        limits: SpendLimits,
        clock: Clock,
        jitter: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._engine = engine
        self._sources = {platform: sources[platform] for platform in Platform}
        self._handle_posts = handle_posts
        self._reuse_for = reuse_for
        self._limits = limits
        self._clock = clock
        self._jitter = jitter
        self._sleep = sleep

    def fetch(self, job: FetchJob) -> FetchResult:
        """Fetch the posts that can be fetched now.

        Returns:
            superseded; wait, with the seconds to wait; or fetched, with the posts to continue with.
        """
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return FetchResult(outcome=Outcome.SUPERSEDED)
            self._start(session, request)
            needs_posts = request.handle is not None and not request.post_urls
            asks = () if needs_posts else self._claim(session, job, request)
        if needs_posts:
            choice = self._handle_posts.choose(job, request)
            if not isinstance(choice, PostsChosen):
                return self._wait_for_choice(job, choice)
            with session_scope(self._engine) as session:
                if lock_current(session, job) is None:
                    return FetchResult(outcome=Outcome.SUPERSEDED)
                asks = self._claim(session, job, request)
        outcome = self._fetch_claimed(job, Platform(request.platform), asks) if asks else _FetchOutcome()
        with session_scope(self._engine) as session:
            return self._conclude(session, job, outcome)

    def _start(self, session: Session, request: PostAnalysisRequest) -> None:
        """Record that the stage has started."""
        if request.status == RequestStatus.PENDING:
            request.status = RequestStatus.PROCESSING
            request.started_at = self._clock()
        record_status(session, request, Stage.FETCHING_POSTS, progress=5, message="Fetching the posts.")

    def _wait_for_choice(self, job: FetchJob, choice: PostsPending | ProviderError) -> FetchResult:
        """Wait for the lists of a creator within the stage's time, or fail the request, which has no posts."""
        failure: ProviderError | None = None
        if isinstance(choice, PostsPending):
            elapsed = self._clock() - job.started_at
            wait_s = wait_of(choice, elapsed=elapsed, budget=FETCH_BUDGET, outage_budget=OUTAGE_WAIT)
            if wait_s is not None:
                return FetchResult(outcome=Outcome.WAIT, wait_s=wait_s)
            failure = choice.failure
        else:
            failure = choice
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return FetchResult(outcome=Outcome.SUPERSEDED)
            request.error_stage = Stage.FETCHING_POSTS
            request.error_category = failure.category if failure else ErrorCategory.TIMEOUT
            request.error_details = {"message": failure.message if failure else _LIST_RUNNING}
        return FetchResult(outcome=Outcome.FETCHED)

    def _claim(self, session: Session, job: FetchJob, request: PostAnalysisRequest) -> Sequence[PostAsk]:
        """Claim posts for this attempt and return those to fetch."""
        pending = _pending(attempt_queries.list_request_posts(session, request.id))
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
        # A run may time out before its last post. In random order a slow post does not block the same others each time.
        return sorted(asks, key=lambda _: self._jitter(0.0, 1.0))

    def _fetch_claimed(self, job: FetchJob, platform: Platform, asks: Sequence[PostAsk]) -> _FetchOutcome:
        """Call the provider for claimed posts, and save its posts, failures and running jobs."""
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
            # The request is locked before the posts, as everywhere, so that two runs never deadlock.
            is_current = lock_current(session, job) is not None
            # Posts are shared, so paid results are saved even if this attempt has been superseded.
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
                posts = attempt_queries.list_request_posts(session, job.request_id)
                _attach(posts, fetched.posts)
                _fail(posts, fetched.failures)
                if failure is not None and not failure.is_transient:
                    # Only this attempt's posts: those that another request is fetching may still succeed.
                    _give_up([post for post in _pending(posts) if post.platform_post_id in claimed], failure)
            else:
                # The next attempt need not wait for these leases to expire, and resumes the running jobs.
                social_repository.release_claims(session, platform, claimed, lease_owner=job.lease_owner)
        return _FetchOutcome(
            failure=failure if failure is not None and failure.is_transient else None,
            job_wait_s={
                post_id: pending.wait_s for post_id, pending in outcomes.items() if isinstance(pending, ScrapePending)
            },
        )

    def _conclude(self, session: Session, job: FetchJob, outcome: _FetchOutcome) -> FetchResult:
        request = lock_current(session, job)
        if request is None:
            return FetchResult(outcome=Outcome.SUPERSEDED)
        posts = attempt_queries.list_request_posts(session, request.id)
        if pending := _pending(posts):
            has_fetched_posts = any(post.state == PostState.FETCHED for post in posts)
            wait_s = self._wait_s(job, outcome, has_fetched_posts=has_fetched_posts)
            if wait_s is not None:
                return FetchResult(outcome=Outcome.WAIT, wait_s=wait_s)
            # The jobs stay with the posts, so that the next request for them can resume the jobs.
            social_repository.release_claims(
                session, request.platform, [post.platform_post_id for post in pending], lease_owner=job.lease_owner
            )
            _give_up(pending, outcome.failure, with_job=outcome.job_wait_s.keys())
        fetched = [post.id for post in posts if post.state in (PostState.FETCHED, PostState.COLLECTED)]
        if fetched:
            if request.handle is None:
                request.display_name = name_of(attempt_queries.list_fetched_posts(session, request.id))
            fetched_count = sum(post.state != PostState.FAILED for post in posts)
            message = f"{fetched_count} of {len(posts)} posts are fetched."
            record_status(session, request, Stage.SOCIAL_DATA_FETCHED, progress=30, message=message)
        return FetchResult(outcome=Outcome.FETCHED, posts=tuple(fetched))

    def _wait_s(self, job: FetchJob, outcome: _FetchOutcome, *, has_fetched_posts: bool) -> int | None:
        """Return how long to wait before the next try, or None if no time for another try is left."""
        elapsed = self._clock() - job.started_at
        failure, budget = outcome.failure, FETCH_BUDGET
        if failure is None:
            wait_s = min(outcome.job_wait_s.values(), default=float(_BUSY_WAIT_S))
        else:
            # The stage does not count its tries, so the backoff grows with the time already spent.
            backoff_s = min(30.0, max(5.0, elapsed.total_seconds() / 2))
            retry_after_s = failure.retry_after_s or 0.0
            wait_s = retry_after_s + self._jitter(0.0, _JITTER_S if retry_after_s else backoff_s)
            # With posts already fetched the provider works, and this post is what keeps failing.
            if not outcome.job_wait_s and failure.category is not ErrorCategory.RATE_LIMIT:
                budget = OTHERS_WAIT if has_fetched_posts else OUTAGE_WAIT
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


def _give_up(
    posts: list[AnalysisRequestPost], failure: ProviderError | None, *, with_job: Collection[str] = ()
) -> None:
    for post in posts:
        if failure is None:
            message = _JOB_RUNNING if post.platform_post_id in with_job else _NO_TIME
            fail_post(post, stage=Stage.FETCHING_POSTS, category=ErrorCategory.TIMEOUT, message=message)
        else:
            fail_post_by_provider(post, failure, stage=Stage.FETCHING_POSTS)
