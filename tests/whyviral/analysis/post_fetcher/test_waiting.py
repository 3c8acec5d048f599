"""FetchPosts while the provider fails, or while another request fetches the same post."""

from datetime import timedelta

import pytest

from tests.fakes.post_scraper import scrape_error
from tests.fixtures.pipeline import Pipeline, check_books, check_history
from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome
from whyviral.analysis.post_fetcher import FETCH_BUDGET, OTHERS_WAIT, OUTAGE_WAIT, FetchResult
from whyviral.core.errors import ErrorCategory
from whyviral.social.service import CLAIM_LEASE


@pytest.mark.parametrize(("retry_after_s", "wait_s"), [(None, 5), (0.0, 5), (7.4, 10), (90.0, 92)])
def test_the_wait_after_a_transient_failure_is_at_least_its_retry_after(
    pipeline: Pipeline, retry_after_s: float | None, wait_s: int
) -> None:
    pipeline.source.errors.append(scrape_error(ErrorCategory.RATE_LIMIT, retry_after_s=retry_after_s))
    job = pipeline.admit("20")

    assert pipeline.fetch(job) == FetchResult(outcome=Outcome.WAIT, wait_s=wait_s)

    pipeline.clock.advance(wait_s)
    assert pipeline.fetch(job).outcome == Outcome.FETCHED
    assert [call.error_category for call in pipeline.calls(job)] == [ErrorCategory.RATE_LIMIT, None]
    check_books(pipeline, job)


def test_the_backoff_grows_and_an_outage_is_given_up_after_a_time(pipeline: Pipeline) -> None:
    pipeline.source.errors.extend(scrape_error(status=500 + number) for number in range(50))
    job = pipeline.admit("20")

    result, waits = pipeline.fetch_until_done(job)

    (row,) = pipeline.read(job).posts
    assert result == FetchResult(outcome=Outcome.FETCHED)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (5, 30)
    assert OUTAGE_WAIT - timedelta(seconds=30) < timedelta(seconds=sum(waits)) <= OUTAGE_WAIT
    assert (row.state, row.error_stage, row.error_category) == (
        PostState.FAILED,
        Stage.FETCHING_POSTS,
        ErrorCategory.PROVIDER_ERROR,
    )
    assert row.error_details == {
        "error": "ProviderError",
        "provider": "twitterapi",
        "status": 500 + len(waits),
        "provider_request_id": "r-1",
    }
    assert len(pipeline.calls(job)) == len(waits) + 1
    assert check_history(pipeline.read(job)) == [Stage.REQUEST_CREATED, Stage.FETCHING_POSTS]


def test_a_failing_post_delays_the_fetched_ones_for_at_most_a_minute(pipeline: Pipeline) -> None:
    pipeline.fetched("20")
    pipeline.source.errors.extend(scrape_error() for _ in range(50))
    job = pipeline.admit("20", "21")

    result, waits = pipeline.fetch_until_done(job)

    states = [(post.state, post.error_category) for post in pipeline.read(job).posts]
    assert len(result.posts) == 1
    assert states == [(PostState.FETCHED, None), (PostState.FAILED, ErrorCategory.PROVIDER_ERROR)]
    assert OTHERS_WAIT - timedelta(seconds=30) < timedelta(seconds=sum(waits)) <= OTHERS_WAIT


def test_fetched_posts_wait_longer_for_a_rate_limited_provider(pipeline: Pipeline) -> None:
    pipeline.fetched("20")
    pipeline.source.errors.extend(scrape_error(ErrorCategory.RATE_LIMIT) for _ in range(50))
    job = pipeline.admit("20", "21")

    _, waits = pipeline.fetch_until_done(job)

    assert timedelta(seconds=sum(waits)) > FETCH_BUDGET - timedelta(seconds=30)


def test_a_retry_after_beyond_the_time_budget_fails_the_posts(pipeline: Pipeline) -> None:
    pipeline.source.errors.append(
        scrape_error(ErrorCategory.RATE_LIMIT, retry_after_s=FETCH_BUDGET.total_seconds() + 1)
    )
    job = pipeline.admit("20")

    assert pipeline.fetch(job) == FetchResult(outcome=Outcome.FETCHED)
    assert [post.error_category for post in pipeline.read(job).posts] == [ErrorCategory.RATE_LIMIT]


@pytest.mark.parametrize("category", [ErrorCategory.AUTH, ErrorCategory.PROVIDER_ERROR])
def test_a_permanent_failure_fails_the_posts_at_once(pipeline: Pipeline, category: ErrorCategory) -> None:
    pipeline.source.errors.append(scrape_error(category, is_transient=False, status=402))
    job = pipeline.admit("20", "21")

    assert pipeline.fetch(job) == FetchResult(outcome=Outcome.FETCHED)
    posts = pipeline.read(job).posts
    assert [(post.state, post.error_category) for post in posts] == [(PostState.FAILED, category)] * 2
    assert pipeline.posts() == {}


def test_a_failed_call_releases_its_claims(pipeline: Pipeline) -> None:
    pipeline.source.errors.append(scrape_error())
    pipeline.fetch(pipeline.admit("20"))

    assert pipeline.posts() == {}
    assert pipeline.fetch(pipeline.admit("20")).outcome == Outcome.FETCHED


def test_a_failed_call_does_not_change_a_saved_post(pipeline: Pipeline) -> None:
    pipeline.fetched("20")
    before = pipeline.posts()["20"]
    pipeline.clock.advance(25 * 3600)
    pipeline.source.errors.append(scrape_error())

    pipeline.fetch(pipeline.admit("20"))

    after = pipeline.posts()["20"]
    assert (after.content, after.fetched_at, after.claimed_by) == (before.content, before.fetched_at, None)


def test_fetched_posts_are_saved_while_waiting_for_the_others(pipeline: Pipeline) -> None:
    pipeline.fetched("20")
    pipeline.source.errors.append(scrape_error())
    job = pipeline.admit("20", "21")

    result = pipeline.fetch(job)

    assert result.outcome == Outcome.WAIT
    assert [post.state for post in pipeline.read(job).posts] == [PostState.FETCHED, PostState.PENDING]


def test_a_request_waits_for_a_post_that_another_request_is_fetching(pipeline: Pipeline) -> None:
    first, second = pipeline.admit("20"), pipeline.admit("20")
    met: list[FetchResult] = []
    pipeline.source.during = lambda: met.append(pipeline.fetch(second))

    pipeline.fetch(first)

    assert met == [FetchResult(outcome=Outcome.WAIT, wait_s=2)]
    assert pipeline.fetch(second).outcome == Outcome.FETCHED
    assert pipeline.source.asked == [("20",)]
    assert pipeline.calls(second) == []


def test_a_saved_stand_in_post_is_not_used_while_the_real_one_is_fetched(pipeline: Pipeline) -> None:
    pipeline.fetch(pipeline.admit("20"), is_stand_in=True)
    first, second = pipeline.admit("20"), pipeline.admit("20")
    met: list[FetchResult] = []
    pipeline.source.during = lambda: met.append(pipeline.fetch(second))

    pipeline.fetch(first)

    assert met == [FetchResult(outcome=Outcome.WAIT, wait_s=2)]


def test_an_expired_claim_is_taken_over(pipeline: Pipeline) -> None:
    pipeline.source.during = stop_run
    dead = pipeline.admit("20")
    with pytest.raises(SystemExit):
        pipeline.fetch(dead)
    pipeline.source.during = lambda: None
    job = pipeline.admit("20")

    result, waits = pipeline.fetch_until_done(job)

    assert result.outcome == Outcome.FETCHED
    assert CLAIM_LEASE <= timedelta(seconds=sum(waits)) <= CLAIM_LEASE + timedelta(seconds=2)


def test_a_request_takes_over_its_own_claim_at_once(pipeline: Pipeline) -> None:
    pipeline.source.during = stop_run
    job = pipeline.admit("20")
    with pytest.raises(SystemExit):
        pipeline.fetch(job)
    pipeline.source.during = lambda: None

    assert pipeline.fetch(job).outcome == Outcome.FETCHED


def stop_run() -> None:
    raise SystemExit


def test_a_post_that_another_request_never_finishes_times_out(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    pipeline.clock.advance(FETCH_BUDGET.total_seconds() - 1)
    holder = pipeline.admit("20")
    met: list[FetchResult] = []
    pipeline.source.during = lambda: met.append(pipeline.fetch(job))

    pipeline.fetch(holder)

    assert met == [FetchResult(outcome=Outcome.FETCHED)]
    assert [post.error_category for post in pipeline.read(job).posts] == [ErrorCategory.TIMEOUT]


def test_a_failed_call_does_not_fail_a_post_that_another_request_is_fetching(pipeline: Pipeline) -> None:
    holder, job = pipeline.admit("20"), pipeline.admit("20", "21")
    met: list[FetchResult] = []

    def meet() -> None:
        pipeline.source.during = lambda: None
        pipeline.source.errors.append(scrape_error(is_transient=False))
        met.append(pipeline.fetch(job))

    pipeline.source.during = meet
    pipeline.fetch(holder)

    assert met == [FetchResult(outcome=Outcome.WAIT, wait_s=2)]
    assert len(pipeline.fetch(job).posts) == 1
    assert [post.state for post in pipeline.read(job).posts] == [PostState.FETCHED, PostState.FAILED]
