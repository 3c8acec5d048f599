"""An ended request is charged for its delivered analyses only; its other URLs are returned."""

import itertools
import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from local.stack.system import ROOT
from tests.fixtures.pipeline import Pipeline
from tests.fixtures.proof_scale import seeds
from whyviral.accounts.models import Plan, Subscription
from whyviral.analysis.models import AnalysisRequestPost, PostState, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob, lock_current
from whyviral.analysis.repository import attempt_queries
from whyviral.analysis.retry import AnalysisComplete, AnalysisStillRunning, RetriesUsedUp
from whyviral.core.database import session_scope
from whyviral.usage.models import ReservationState, UsageReservation, UserUsage
from whyviral.usage.service import UsageLimitReached

TODAY, TOMORROW = "2026-11-23", "2026-11-24"
A_DAY_S = 86_400
EXAMPLE = ROOT / "docs" / "limits.md"


def change_plan(pipeline: Pipeline, slug: str) -> None:
    with session_scope(pipeline.engine) as session:
        plan_id = select(Plan.id).where(Plan.slug == slug).scalar_subquery()
        session.execute(update(Subscription).where(Subscription.user_id == pipeline.user_id).values(plan_id=plan_id))


def fail(pipeline: Pipeline, job: RequestJob) -> Outcome:
    return pipeline.fail(job, stage=Stage.ANALYSING, error="States.TaskFailed").outcome


def explain(pipeline: Pipeline, job: RequestJob, *post_ids: str) -> None:
    """Mark URLs of a request as analysed, as the stage AnalysePosts does."""
    with session_scope(pipeline.engine) as session:
        session.execute(
            update(AnalysisRequestPost)
            .where(AnalysisRequestPost.request_id == job.request_id, AnalysisRequestPost.platform_post_id.in_(post_ids))
            .values(state=PostState.ANALYSED)
        )


def test_a_running_request_holds_its_counted_urls(pipeline: Pipeline) -> None:
    job, _ = pipeline.collected("20", "21")

    assert (pipeline.used(), pipeline.reserved(job)) == ({TODAY: 2}, ["held", "held"])


def test_a_finished_request_is_charged_for_its_analyses(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}
    job, posts = pipeline.collected("20", "404")
    for post in posts:
        pipeline.explain(job, post)
    pipeline.clock.advance(A_DAY_S)

    pipeline.finish(job)

    assert (pipeline.used(), pipeline.reserved(job)) == ({TODAY: 1}, ["charged", "returned"])


def test_a_request_without_an_analysis_is_charged_nothing(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404", "405"}
    job, _ = pipeline.fetched("404", "405")

    pipeline.finish(job)

    assert (pipeline.used(), pipeline.reserved(job)) == ({TODAY: 0}, ["returned", "returned"])


def test_a_failed_request_is_charged_only_for_its_readable_analyses(pipeline: Pipeline) -> None:
    job, _ = pipeline.fetched("20", "21", "22")
    explain(pipeline, job, "21")

    fail(pipeline, job)

    assert (pipeline.used(), pipeline.reserved(job)) == ({TODAY: 1}, ["returned", "charged", "returned"])


def test_twenty_concurrent_failures_return_usage_once(pipeline: Pipeline) -> None:
    pipeline.admit("20", "21")
    job = pipeline.admit("22", "23", "24")

    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(lambda _: fail(pipeline, job), range(20)))

    assert sorted(outcomes) == [Outcome.FAILED] + [Outcome.SUPERSEDED] * 19
    assert pipeline.used() == {TODAY: 2}


def test_a_request_that_finishes_and_fails_concurrently_is_settled_once(pipeline: Pipeline) -> None:
    job, _ = pipeline.fetched("20", "21")
    explain(pipeline, job, "20")

    with ThreadPoolExecutor(8) as threads:
        ends = [lambda: pipeline.finish(job).outcome, lambda: fail(pipeline, job)] * 4
        list(threads.map(lambda end: end(), ends))

    assert (pipeline.used(), pipeline.reserved(job)) == ({TODAY: 1}, ["charged", "returned"])


def test_a_retry_is_charged_for_its_own_analyses_on_its_own_day(pipeline: Pipeline) -> None:
    job, _ = pipeline.fetched("20", "21", "22")
    explain(pipeline, job, "20")
    fail(pipeline, job)
    pipeline.clock.advance(A_DAY_S)

    again = pipeline.try_again(job)
    explain(pipeline, job, "21")
    held = pipeline.used()
    pipeline.finish(again)

    assert held == {TODAY: 1, TOMORROW: 2}
    assert (pipeline.used(), pipeline.reserved(job)) == (
        {TODAY: 1, TOMORROW: 1},
        ["charged", "charged", "returned"],
    )


def test_failing_and_retrying_never_yields_a_free_analysis(pipeline: Pipeline) -> None:
    change_plan(pipeline, "free")
    jobs = [pipeline.fetched(*(f"{call}{post}" for post in range(5)))[0] for call in (1, 2)]
    for job in jobs:
        fail(pipeline, job)
    others = [pipeline.admit(*(f"{call}{post}" for post in range(4))) for call in (3, 4)]

    with pytest.raises(UsageLimitReached):
        pipeline.try_again(jobs[0])

    assert pipeline.used() == {TODAY: 8}
    fail(pipeline, others[0])
    again = pipeline.try_again(jobs[0])
    explain(pipeline, again, *(f"1{post}" for post in range(5)))
    pipeline.finish(again)
    with pytest.raises(UsageLimitReached):
        pipeline.try_again(jobs[1])
    assert pipeline.used() == {TODAY: 9}


def test_the_end_of_a_superseded_attempt_returns_no_usage_of_the_new_one(pipeline: Pipeline) -> None:
    job = pipeline.admit("20", "21")
    fail(pipeline, job)
    pipeline.try_again(job)

    assert (fail(pipeline, job), pipeline.finish(job).outcome) == (Outcome.SUPERSEDED, Outcome.SUPERSEDED)
    assert (pipeline.used(), pipeline.reserved(job)) == ({TODAY: 2}, ["held", "held"])


def test_the_example_in_docs_limits_is_correct(pipeline: Pipeline) -> None:
    change_plan(pipeline, "free")
    first, _ = pipeline.fetched("11", "12", "13", "14", "15")
    used = [pipeline.used()]
    second, _ = pipeline.fetched("21", "22", "23", "24", "25")
    used.append(pipeline.used())
    with pytest.raises(UsageLimitReached):
        pipeline.admit("31")
    used.append(pipeline.used())
    explain(pipeline, first, "11", "12", "13")
    pipeline.finish(first)
    used.append(pipeline.used())
    fail(pipeline, second)
    used.append(pipeline.used())
    pipeline.clock.advance(A_DAY_S)
    again = pipeline.try_again(second)
    used.append(pipeline.used())
    explain(pipeline, again, "21", "22", "23", "24")
    pipeline.finish(again)
    used.append(pipeline.used())

    rows = re.findall(r"^\|[^|]+\| (\d+) \| (\d*) ?\|", EXAMPLE.read_text(), re.MULTILINE)
    assert used == [{TODAY: int(monday)} | ({TOMORROW: int(tuesday)} if tuesday else {}) for monday, tuesday in rows]


def check_usage(pipeline: Pipeline) -> None:
    """Check that each day's counter equals its held and charged URLs, and never exceeds the plan's limit."""
    with session_scope(pipeline.engine) as session:
        states = session.execute(select(UsageReservation.usage_date, UsageReservation.state)).all()
        used = session.scalars(select(UserUsage)).all()
        explained = session.scalars(
            select(AnalysisRequestPost.url).where(AnalysisRequestPost.state == PostState.ANALYSED)
        ).all()
    counted = Counter(day for day, state in states if state != ReservationState.RETURNED)
    charged = Counter(day for day, state in states if state == ReservationState.CHARGED)
    assert {row.usage_date: row.url_lookups for row in used if row.url_lookups} == counted
    assert {row.usage_date: row.post_suggestions for row in used if row.post_suggestions} == {
        day: 4 * number for day, number in charged.items()
    }
    assert all(number <= 10 for number in counted.values())
    assert charged.total() == len(explained)


class Customer:
    """A user who starts and retries requests at random while others finish or fail."""

    def __init__(self, pipeline: Pipeline, seed: int) -> None:
        self.pipeline = pipeline
        self.chance = random.Random(seed)
        self.jobs: list[RequestJob] = []
        self.refused = 0
        self._numbers = itertools.count(1000)

    def act(self) -> None:
        act = self.chance.choice((self.ask, self.ask, self.end, self.end, self.end, self.try_again, self.sleep))
        try:
            act()
        except UsageLimitReached:
            self.refused += 1
        except (AnalysisStillRunning, AnalysisComplete, RetriesUsedUp):
            pass

    def ask(self) -> None:
        ids = [str(next(self._numbers)) for _ in range(self.chance.randint(1, 5))]
        self.jobs.append(self.pipeline.fetched(*ids)[0])

    def end(self) -> None:
        if self.jobs:
            job = self.chance.choice(self.jobs)
            with session_scope(self.pipeline.engine) as session:
                if lock_current(session, job) is not None:
                    for row in attempt_queries.list_request_posts(session, job.request_id):
                        row.state = PostState.ANALYSED if self.chance.random() < 0.3 else row.state
            ends = (self.pipeline.finish, lambda job: fail(self.pipeline, job))
            self.chance.choice(ends)(job)

    def try_again(self) -> None:
        if self.jobs:
            job = self.chance.choice(self.jobs)
            self.jobs.append(self.pipeline.try_again(job))

    def sleep(self) -> None:
        self.pipeline.clock.advance(3_600)


@pytest.mark.proof
@pytest.mark.parametrize("seed", seeds(10))
def test_the_counters_stay_correct_under_random_starts_ends_and_retries(pipeline: Pipeline, seed: int) -> None:
    change_plan(pipeline, "free")
    customer = Customer(pipeline, seed)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: customer.act(), range(200)))

    check_usage(pipeline)
    for job in customer.jobs:
        fail(pipeline, job)
    check_usage(pipeline)
    assert customer.refused > 0
    with session_scope(pipeline.engine) as session:
        states = session.scalars(select(UsageReservation.state)).all()
    assert ReservationState.HELD not in states
