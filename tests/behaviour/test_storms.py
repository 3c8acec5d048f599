"""Many concurrent requests with failing vendors: all end, nothing is paid for twice, and the costs add up."""

import heapq
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest

from tests.fakes.analyst import VALID_ANSWER, model_error
from tests.fakes.clock import FakeClock
from tests.fakes.post_scraper import scrape_error
from tests.fixtures.pipeline import Pipeline, check_books, check_days, check_history
from tests.fixtures.proof_scale import seeds
from tests.fixtures.waits import WAIT_S
from whyviral.analysis.models import PostState, RequestStatus, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.analysis.post_fetcher import FetchJob
from whyviral.core.errors import ErrorCategory
from whyviral.social.models import Post
from whyviral.vendor_calls.money import SpendLimits

pytestmark = pytest.mark.proof

STORMS = seeds(4)
REQUESTS = 30
THREADS = 16

type Play = Iterator[float]
"""Runs stages; yields the seconds until it continues."""


class SandboxDied(Exception):
    """The function was killed during a call."""


class Scheduler:
    """Runs plays on a simulated clock: those due at the same time concurrently in threads."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._due: list[tuple[datetime, int, Play]] = []
        self._order = count()
        self._lock = threading.Lock()

    def start(self, play: Play, *, in_s: float = 0) -> None:
        with self._lock:
            due = self._clock() + timedelta(seconds=in_s)
            heapq.heappush(self._due, (due, next(self._order), play))

    def run(self) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            while self._due:
                self._clock.now = now = self._due[0][0]
                together = []
                while self._due and self._due[0][0] == now:
                    together.append(heapq.heappop(self._due)[2])
                list(pool.map(self._go_on, together))

    def _go_on(self, play: Play) -> None:
        wait_s = next(play, None)
        if wait_s is not None:
            self.start(play, in_s=wait_s)


class Storm:
    """Executions of the state machine, simulated in Python, with a user who retries some requests."""

    def __init__(self, pipeline: Pipeline, seed: int) -> None:
        self.pipeline = pipeline
        self.chance = random.Random(seed)
        self.scheduler = Scheduler(pipeline.clock)
        self.deaths = 0

    def execution(self, job: FetchJob) -> Play:
        try:
            while (result := self.pipeline.fetch(job)).wait_s is not None:
                yield result.wait_s
        except SandboxDied:
            self.pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="Runtime.ExitError")
            return
        if result.outcome == Outcome.SUPERSEDED:
            return
        collected = [post for post in result.posts if self.pipeline.collect(job, post).outcome == Outcome.COLLECTED]
        started_at = self.pipeline.clock()
        open_posts = set(collected)
        for post in collected:
            self.scheduler.start(self.explanation(job, post, started_at, open_posts.discard))
        if self.happens(0.1):
            self.try_again(job)
        while open_posts:
            yield 1.0
        self.pipeline.finish(job)

    def explanation(
        self, job: RequestJob, post: uuid.UUID, started_at: datetime, done: Callable[[uuid.UUID], None]
    ) -> Play:
        try:
            while (result := self.pipeline.explain(job, post, started_at=started_at)).wait_s is not None:
                yield result.wait_s
        except SandboxDied:
            self.pipeline.fail_post(job, post, stage=Stage.ANALYSING, error="Runtime.ExitError")
        done(post)

    def try_again(self, job: FetchJob) -> None:
        newer = self.pipeline.supersede(job)
        self.scheduler.start(self.execution(FetchJob(**newer.model_dump(), started_at=self.pipeline.clock())), in_s=3)

    def happens(self, probability: float) -> bool:
        return self.chance.random() < probability

    def die_sometimes(self) -> None:
        if self.happens(0.03):
            self.deaths += 1
            raise SandboxDied

    def spoil(self, calls: int) -> None:
        """Choose random results for the next calls to provider and model."""
        errors = (
            None,
            None,
            None,
            scrape_error(ErrorCategory.RATE_LIMIT, status=429, retry_after_s=4.0),
            scrape_error(status=500),
            scrape_error(ErrorCategory.TIMEOUT, status=None),
        )
        answers = (
            VALID_ANSWER,
            VALID_ANSWER,
            VALID_ANSWER,
            {"virality_reasoning": ""},
            model_error(retry_after_s=6.0),
            model_error(ErrorCategory.PROVIDER_ERROR, status=503),
            model_error(ErrorCategory.AI_ERROR, is_transient=False),
        )
        self.pipeline.source.errors.extend(self.chance.choices(errors, k=calls))
        self.pipeline.source.errors.append(scrape_error(ErrorCategory.AUTH, is_transient=False, status=402))
        self.pipeline.model.answers.extend(self.chance.choices(answers, k=calls))
        self.pipeline.source.during = self.pipeline.model.during = self.die_sometimes


@pytest.mark.parametrize("seed", STORMS)
def test_in_a_storm_every_request_ends_and_nothing_is_paid_for_twice(pipeline: Pipeline, seed: int) -> None:
    storm = Storm(pipeline, seed)
    storm.spoil(calls=40)
    ids = [str(number) for number in range(101, 121)]
    pipeline.source.absent = set(ids[:3])
    pipeline.source.slow = {post_id: storm.chance.randint(0, 5) for post_id in storm.chance.sample(ids, 8)}
    jobs = [pipeline.admit(*storm.chance.sample(ids, storm.chance.randint(1, 8))) for _ in range(REQUESTS)]
    for job in jobs:
        storm.scheduler.start(storm.execution(job), in_s=storm.chance.choice((0, 0, 1, 5, 60)))

    storm.scheduler.run()

    for job in jobs:
        check_end(pipeline, job)
    fetched = Counter(post_id for asked in pipeline.source.paid for post_id in asked)
    assert {post_id: times for post_id, times in fetched.items() if times > 1 and post_id in ids[3:]} == {}
    begun = Counter(post_id for together in pipeline.source.begun for post_id in together)
    assert {post_id: times for post_id, times in begun.items() if times > 1 and post_id in ids[3:]} == {}
    lost = {call.id for call in pipeline.model.unwritten}  # the results of a killed function's calls are lost
    made = [call for call in (*pipeline.source.made, *pipeline.model.made) if call.id not in lost]
    allowed = (*pipeline.source.allowed, *pipeline.model.allowed)
    assert {call.id for job in jobs for call in pipeline.calls(job)} == {intent.id for intent in allowed}
    assert sum(check_books(pipeline, job) for job in jobs) == sum(call.cost_usd or Decimal(0) for call in made)
    assert check_days(pipeline) == sum(call.cost_usd or Decimal(0) for call in made)
    assert [post.platform_post_id for post in pipeline.posts().values() if not is_in_order(post)] == []


@pytest.mark.parametrize("seed", STORMS)
def test_in_a_storm_with_too_small_a_budget_every_request_ends_and_no_limit_is_exceeded(
    pipeline: Pipeline, seed: int
) -> None:
    storm = Storm(pipeline, seed)
    pipeline.limits = SpendLimits(per_request_usd=Decimal("0.025"), per_day_usd=Decimal("0.08"))
    storm.spoil(calls=40)
    ids = [str(number) for number in range(101, 121)]
    jobs = [pipeline.admit(*storm.chance.sample(ids, storm.chance.randint(1, 6))) for _ in range(REQUESTS // 2)]
    for job in jobs:
        storm.scheduler.start(storm.execution(job), in_s=storm.chance.choice((0, 0, 1, 5, 60)))

    storm.scheduler.run()

    for job in jobs:
        check_end(pipeline, job)
    assert sum(check_books(pipeline, job) for job in jobs) == check_days(pipeline) > 0
    errors = {row.error for job in jobs for row in pipeline.read(job).posts}
    assert errors & {
        "This analysis has reached its cost limit; start a new one for the rest.",
        "Today's budget for calls to vendors is used up; try again after midnight UTC.",
    }


def check_end(pipeline: Pipeline, job: RequestJob) -> None:
    request = pipeline.read(job)
    stages = check_history(request)
    states = Counter(row.state for row in request.posts)
    explained = {row.post_id for row in request.posts if row.state == PostState.ANALYSED}
    assert {analysis.post_id for analysis in request.post_analyses} == explained
    assert Counter(pipeline.reserved(job)) == Counter(
        "charged" if row.state == PostState.ANALYSED else "returned" for row in request.posts
    )
    match request.status:
        case RequestStatus.COMPLETED:
            assert states.keys() <= {PostState.ANALYSED, PostState.FAILED}
            is_whole = not states[PostState.FAILED] and not any(row.is_partial for row in request.posts)
            assert stages[-1] == (Stage.ANALYSIS_COMPLETE if is_whole else Stage.PARTIAL_SUCCESS)
            assert request.posts_processed == states[PostState.ANALYSED] > 0
        case RequestStatus.FAILED:
            assert request.error_category is not None
            assert stages[-1] == Stage.ERROR
        case _:
            raise AssertionError(request.status)


def is_in_order(post: Post) -> bool:
    """Whether a post is fetched without a lease, has a running job, or was left by a killed function."""
    is_free = (post.claimed_by is None) and (post.claimed_until is None)
    return is_free == (post.fetched_at is not None) or (post.fetched_at is None and post.scrape_job is not None)


@pytest.mark.parametrize("seed", seeds(6))
def test_new_posts_in_fifty_concurrent_requests_are_paid_for_once(pipeline: Pipeline, seed: int) -> None:
    order = random.Random(seed)
    ids = ["101", "102", "103", "104"]
    jobs = [pipeline.admit(*order.sample(ids, order.randint(1, 4))) for _ in range(50)]
    start = threading.Barrier(len(jobs))

    def fetch(job: FetchJob) -> None:
        start.wait(WAIT_S)
        pipeline.fetch(job)

    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(fetch, jobs))

    assert [pipeline.fetch(job).outcome for job in jobs] == [Outcome.FETCHED] * 50
    paid = [post_id for asked in pipeline.source.asked for post_id in asked]
    assert sorted(paid) == ids
    assert sum(check_books(pipeline, job) for job in jobs) == len(ids) * Decimal("0.00015")
