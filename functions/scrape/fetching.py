"""How FetchPosts works: reuse what is fresh, claim what is not, pay once, and never wait inside the function."""

import random
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.analysis.models import AnalysisRequestPost, PostAnalysisRequest, PostState, RequestStatus, Stage
from whyviral.analysis.pipeline import (
    Outcome,
    RequestJob,
    StageResult,
    fail_post,
    fail_post_by_provider,
    lock_current,
    record_calls,
    record_status,
)
from whyviral.analysis.repository import PipelineRepository
from whyviral.core.calls import CallCollector
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.post_scraper import PostAsk, PostScraper, ScrapeFailure, ScrapeOutcome
from whyviral.social import service as social_service
from whyviral.social.models import Post
from whyviral.social.platforms import Platform

FETCH_BUDGET = timedelta(seconds=420)
"""From the start of the execution to the end of the last wait; with one run of 65 s and what Step Functions retries the
stage stays below its 500 s (tests/statemachine/test_longest_path.py)."""
_BUSY_WAIT_S = 2
_UNSUPPORTED = "Posts of this platform cannot be analysed yet: only X posts can."


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


class PostFetcher:
    """FetchPosts with its collaborators."""

    def __init__(
        self,
        engine: Engine,
        *,
        build_scraper: BuildScraper,
        reuse_for: timedelta,
        is_stand_in: bool,
        clock: Clock,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._engine = engine
        self._build_scraper = build_scraper
        self._reuse_for = reuse_for
        self._is_stand_in = is_stand_in
        self._clock = clock
        self._jitter = jitter

    def fetch(self, job: FetchJob) -> FetchResult:
        """Fetch what can be fetched now.

        Returns:
            superseded, or wait with the seconds to wait, or fetched with the posts to go on with.
        """
        with session_scope(self._engine) as session:
            request = lock_current(session, job)
            if request is None:
                return FetchResult(outcome=Outcome.SUPERSEDED)
            claimed = self._claim(session, request)
        failure = self._fetch_claimed(job, request.platform, claimed) if claimed else None
        with session_scope(self._engine) as session:
            return self._conclude(session, job, failure)

    def _claim(self, session: Session, request: PostAnalysisRequest) -> Mapping[str, Post]:
        if request.status == RequestStatus.PENDING:
            request.status = RequestStatus.PROCESSING
            request.started_at = self._clock()
        record_status(session, request, Stage.FETCHING_POSTS, progress=5, message="Fetching the posts.")
        pending = _pending(PipelineRepository(session).list_posts(request.id))
        if request.platform != Platform.X:
            for post in pending:
                fail_post(post, stage=Stage.FETCHING_POSTS, category=ErrorCategory.UNSUPPORTED, message=_UNSUPPORTED)
            return {}
        if not pending:
            return {}
        claims = social_service.claim_posts(
            session,
            request.platform,
            {post.platform_post_id: post.url for post in pending},
            claimant=request.id,
            now=self._clock(),
            reuse_for=self._reuse_for,
            is_stand_in=self._is_stand_in,
        )
        _attach(pending, claims.fresh)
        return claims.claimed

    def _fetch_claimed(self, job: FetchJob, platform: str, claimed: Mapping[str, Post]) -> ProviderError | None:
        """Ask the provider for the claimed posts and save what it says; return a failure that may pass."""
        calls = CallCollector()
        outcomes: Mapping[str, ScrapeOutcome] = {}
        failure: ProviderError | None = None
        try:
            outcomes = self._build_scraper(calls=calls).fetch_posts([PostAsk(post_id) for post_id in claimed])
        except ProviderError as exc:
            failure = exc
        with session_scope(self._engine) as session:
            record_calls(session, job, calls.drain())
            # Posts are shared: what was paid for is kept even when this attempt has been superseded meanwhile.
            fetched = social_service.save_scraped(
                session,
                platform,
                outcomes,
                claimant=job.request_id,
                fetched_at=self._clock(),
                is_stand_in=self._is_stand_in,
            )
            if unanswered := claimed.keys() - outcomes.keys():
                social_service.release_claims(session, platform, unanswered, claimant=job.request_id)
            if lock_current(session, job) is not None:
                posts = PipelineRepository(session).list_posts(job.request_id)
                _attach(posts, fetched.posts)
                _fail(posts, fetched.failures)
                if failure is not None and not failure.is_transient:
                    # Only what we asked for: the posts that another request is fetching may still come.
                    _give_up([post for post in _pending(posts) if post.platform_post_id in claimed], failure)
        return failure if failure is not None and failure.is_transient else None

    def _conclude(self, session: Session, job: FetchJob, failure: ProviderError | None) -> FetchResult:
        request = lock_current(session, job)
        if request is None:
            return FetchResult(outcome=Outcome.SUPERSEDED)
        posts = PipelineRepository(session).list_posts(request.id)
        if pending := _pending(posts):
            wait_s = self._wait_s(job, failure)
            if wait_s is not None:
                return FetchResult(outcome=Outcome.WAIT, wait_s=wait_s)
            _give_up(pending, failure)
        fetched = [post.id for post in posts if post.state in (PostState.FETCHED, PostState.COLLECTED)]
        if fetched:
            message = f"{len(fetched)} of {len(posts)} posts are fetched."
            record_status(session, request, Stage.SOCIAL_DATA_FETCHED, progress=30, message=message)
        return FetchResult(outcome=Outcome.FETCHED, posts=tuple(fetched))

    def _wait_s(self, job: FetchJob, failure: ProviderError | None) -> int | None:
        """Return how long to wait before the next try, or None when no try is left."""
        elapsed = self._clock() - job.started_at
        if failure is None:
            wait_s = float(_BUSY_WAIT_S)
        else:
            # The stage keeps no count of its tries: the pause grows with the time already spent.
            backoff_s = min(30.0, max(5.0, elapsed.total_seconds() / 2))
            wait_s = max(failure.retry_after_s or 0.0, self._jitter(backoff_s / 2, backoff_s))
        if elapsed + timedelta(seconds=wait_s) > FETCH_BUDGET:
            return None
        return max(1, round(wait_s))


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


def _give_up(posts: list[AnalysisRequestPost], failure: ProviderError | None) -> None:
    for post in posts:
        if failure is None:
            message = "Another analysis was fetching this post for too long; try again."
            fail_post(post, stage=Stage.FETCHING_POSTS, category=ErrorCategory.TIMEOUT, message=message)
        else:
            fail_post_by_provider(post, failure, stage=Stage.FETCHING_POSTS)
