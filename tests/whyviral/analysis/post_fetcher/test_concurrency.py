"""Concurrent requests for the same posts."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from tests.fixtures.pipeline import Pipeline, check_books
from tests.fixtures.waits import WAIT_S, wait_until
from whyviral.analysis.pipeline import Outcome
from whyviral.analysis.post_fetcher import FetchJob, FetchResult
from whyviral.core.database import session_scope
from whyviral.social import repository as social_repository
from whyviral.social.platforms import Platform


def fetch_at_once(pipeline: Pipeline, jobs: list[FetchJob]) -> list[FetchResult]:
    start = threading.Barrier(len(jobs))

    def fetch(job: FetchJob) -> FetchResult:
        start.wait(WAIT_S)
        return pipeline.fetch(job)

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(fetch, jobs))


def test_a_new_post_in_eight_concurrent_requests_is_paid_for_once(pipeline: Pipeline) -> None:
    jobs = [pipeline.admit("20") for _ in range(8)]
    everybody_has_claimed = threading.Barrier(2)
    pipeline.source.during = lambda: everybody_has_claimed.wait(WAIT_S)

    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(fetch_at_once, pipeline, jobs)
        everybody_has_claimed.wait(WAIT_S)
        results = answers.result()

    assert pipeline.source.asked == [("20",)]
    assert {result.outcome for result in results} <= {Outcome.FETCHED, Outcome.WAIT}
    again = [pipeline.fetch(job) for job in jobs]
    assert [len(result.posts) for result in again] == [1] * 8
    assert len(pipeline.source.asked) == 1
    assert sum(check_books(pipeline, job) > 0 for job in jobs) == 1


def test_requests_for_the_same_posts_in_different_orders_do_not_deadlock(pipeline: Pipeline) -> None:
    ids = [str(number) for number in range(101, 121)]
    order = random.Random(7)
    for _ in range(4):
        jobs = [pipeline.admit(*order.sample(ids, len(ids))) for _ in range(8)]

        fetch_at_once(pipeline, jobs)

        assert [len(pipeline.fetch(job).posts) for job in jobs] == [20] * 8
        pipeline.clock.advance(25 * 3600)
    paid = [post_id for asked in pipeline.source.asked for post_id in asked]
    assert sorted(paid) == sorted(ids * 4)


def test_a_run_with_an_unanswered_post_locks_posts_in_the_common_order(pipeline: Pipeline) -> None:
    pipeline.source.unanswered = {"101"}
    job = pipeline.admit("101", "102")
    with session_scope(pipeline.engine) as session, ThreadPoolExecutor(1) as pool:
        pipeline.source.during = lambda: social_repository.lock_posts(session, Platform.X, ["101"])
        running = pool.submit(pipeline.fetch, job)
        wait_for_lock_waiter(pipeline)

        social_repository.lock_posts(session, Platform.X, ["102"])
        session.commit()

        assert running.result(WAIT_S).outcome == Outcome.WAIT
    assert pipeline.posts().keys() == {"102"}


def wait_for_lock_waiter(pipeline: Pipeline) -> None:
    waiters = text("select count(*) from pg_locks where not granted")
    with pipeline.engine.connect() as connection:
        wait_until(lambda: connection.scalar(waiters))
