"""A request for a handle, from its admission to its end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from tests.fakes.post_scraper import scrape_error, scraped_post
from tests.fixtures.pipeline import Pipeline, check_books, check_days
from whyviral.accounts.models import Plan
from whyviral.analysis.admission import PlanUrlLimitExceeded
from whyviral.analysis.models import PostAnalysisRequest, Stage
from whyviral.analysis.pipeline import Outcome
from whyviral.analysis.post_fetcher import FetchJob
from whyviral.analysis.retry import AnalysisComplete
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, ListingPending
from whyviral.integrations.ports.post_scraper import ScrapeJob
from whyviral.social.platforms import Platform
from whyviral.usage.service import UsageLimitReached


def use_list_with_best(pipeline: Pipeline, number: int = 30, *, best: tuple[int, ...] = (5, 9, 2)) -> list[str]:
    """Let the next list have posts of which some did best, in this order; returns their ids."""
    posts = list(pipeline.lister.posts(number))
    for rank, index in enumerate(best):
        posts[index] = replace(posts[index], views=1_000_000 - rank)
    pipeline.lister.answers.append(CreatorListing(Creator(id="id-jack", handle="jack"), posts))
    return [posts[index].post_id for index in best]


def run(pipeline: Pipeline, job: FetchJob) -> PostAnalysisRequest:
    pipeline.run(job)
    return pipeline.read(job)


def total_urls(pipeline: Pipeline) -> int:
    return sum(pipeline.used().values())


def test_an_admitted_handle_counts_at_once_and_names_no_posts_yet(pipeline: Pipeline) -> None:
    job = pipeline.admit_handle("jack", posts=3)

    request = pipeline.read(job)
    assert (request.post_urls, request.handle, request.handle_posts, request.posts) == ([], "jack", 3, [])
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 3)


def test_the_best_posts_of_a_creator_are_analysed(pipeline: Pipeline) -> None:
    best = use_list_with_best(pipeline)
    job = pipeline.admit_handle("jack", posts=3)

    request = run(pipeline, job)

    assert request.post_urls == [f"https://x.com/i/status/{post_id}" for post_id in best]
    assert (request.status, request.display_name, len(request.post_analyses)) == ("COMPLETED", "@jack", 3)
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 3)
    assert sorted(pipeline.reserved(job)) == ["charged"] * 4
    check_books(pipeline, job)
    check_days(pipeline)


def test_a_chosen_post_shows_its_rank_and_is_not_called_an_outlier(pipeline: Pipeline) -> None:
    (best,) = use_list_with_best(pipeline, best=(5,))
    pipeline.source.posts[best] = scraped_post(
        best,
        metrics={"views": 60_000, "likes": 900},
        raw={"tweet": {"author": {"id": "1"}}},
        author=replace(scraped_post(best).author, followers=500_000),
    )
    job = pipeline.admit_handle("jack", posts=1)
    fetched, _ = pipeline.fetch_until_done(job)
    (post,) = fetched.posts
    pipeline.collect(job, post)
    pipeline.compare(job)

    pipeline.explain(job, post)

    (analysis,) = pipeline.read(job).post_analyses
    verdict = analysis.metadata_used["verdict"]
    facts = {fact["name"]: fact["value"] for fact in analysis.metadata_used["facts"]}
    assert (verdict["rule"], verdict["is_viral"], verdict["n"]) == ("v0.1", False, 29)
    assert (facts["outlier_ratio"], facts["baseline_place"]) == (6.0, 1)
    assert any("is a rank and no surprise" in reason for reason in verdict["reasons"])


def test_fewer_posts_than_asked_for_return_the_difference(pipeline: Pipeline) -> None:
    pipeline.lister.answers.append(CreatorListing(Creator(id="id-jack"), pipeline.lister.posts(2)))
    job = pipeline.admit_handle("jack", posts=5)

    request = run(pipeline, job)

    assert (len(request.post_urls), request.status) == (2, "COMPLETED")
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 2)


@pytest.mark.parametrize("category", [ErrorCategory.PRIVATE, ErrorCategory.NOT_FOUND, ErrorCategory.REMOVED], ids=str)
@pytest.mark.parametrize("is_resolving", [True, False], ids=["its name", "its list"])
def test_an_account_that_shows_nothing_fails_the_request_and_returns_everything(
    pipeline: Pipeline, category: ErrorCategory, is_resolving: bool
) -> None:
    failure = scrape_error(category, is_transient=False)
    if is_resolving:
        pipeline.lister.refusal = failure
    else:
        pipeline.lister.answers.append(failure)
    job = pipeline.admit_handle("jack", posts=5)

    assert pipeline.run(job) == Outcome.NO_RESULT

    request = pipeline.read(job)
    assert (request.status, request.error_stage, request.error_category) == ("FAILED", "fetching_posts", category)
    assert request.error == failure.message
    assert (pipeline.counted_handles(), total_urls(pipeline), request.post_urls) == (0, 0, [])
    assert set(pipeline.reserved(job)) == {"returned"}
    check_books(pipeline, job)


def test_an_empty_account_fails_the_request_as_not_found(pipeline: Pipeline) -> None:
    pipeline.lister.answers.append(CreatorListing(Creator(id="id-jack"), ()))
    job = pipeline.admit_handle("jack")

    request = run(pipeline, job)

    assert (request.status, request.error_category) == ("FAILED", "not_found")
    assert "no public posts" in (request.error or "")
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (0, 0)


def test_a_private_account_is_not_listed_again_within_a_day(pipeline: Pipeline) -> None:
    pipeline.lister.answers.append(scrape_error(ErrorCategory.PRIVATE, is_transient=False))
    for _ in range(2):
        request = run(pipeline, pipeline.admit_handle("jack"))
        assert request.error_category == ErrorCategory.PRIVATE

    assert len(pipeline.lister.asked) == 1


def test_a_source_that_fails_for_a_moment_is_asked_again(pipeline: Pipeline) -> None:
    pipeline.lister.answers.append(scrape_error(retry_after_s=7.0))
    job = pipeline.admit_handle("jack", posts=1)

    result, waits = pipeline.fetch_until_done(job)

    assert (len(result.posts), waits[0]) == (1, 7)


def test_an_outage_of_the_source_fails_the_request_and_returns_everything(pipeline: Pipeline) -> None:
    pipeline.lister.answers.extend(scrape_error() for _ in range(100))
    job = pipeline.admit_handle("jack")

    assert pipeline.run(job) == Outcome.FAILED  # ours, so that an operator hears of it

    request = pipeline.read(job)
    assert (request.status, request.error_category) == ("FAILED", "provider_error")
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (0, 0)


def test_a_list_that_is_never_ready_ends_the_request_in_time(pipeline: Pipeline) -> None:
    pipeline.lister.answers.extend(ListingPending(ScrapeJob("sd_1", "profile"), 30.0) for _ in range(100))
    job = pipeline.admit_handle("jack", platform=Platform.INSTAGRAM)

    _, waits = pipeline.fetch_until_done(job)
    pipeline.finish(job)

    assert sum(waits) <= 420
    assert pipeline.read(job).error_category == ErrorCategory.TIMEOUT


def test_a_failed_request_for_a_handle_can_be_retried_and_counts_again(pipeline: Pipeline) -> None:
    pipeline.lister.answers.extend(scrape_error() for _ in range(100))
    job = pipeline.admit_handle("jack", posts=2)
    pipeline.run(job)
    pipeline.lister.answers.clear()

    again = pipeline.try_again(job)

    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 2)
    request = run(pipeline, again)
    assert (request.status, len(request.post_urls), request.error_category) == ("COMPLETED", 2, None)
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 2)
    with pytest.raises(AnalysisComplete):
        pipeline.try_again(again)


def test_a_retry_of_some_posts_does_not_count_the_handle_twice(pipeline: Pipeline) -> None:
    first, second = use_list_with_best(pipeline, best=(5, 9))
    pipeline.source.absent.add(second)
    job = pipeline.admit_handle("jack", posts=2)
    run(pipeline, job)
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 1)
    pipeline.source.absent.discard(second)

    request = run(pipeline, pipeline.try_again(job))

    assert request.post_urls == [f"https://x.com/i/status/{post_id}" for post_id in (first, second)]
    assert (request.status, len(request.post_analyses)) == ("COMPLETED", 2)
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 2)


def test_a_superseded_attempt_chooses_no_posts(pipeline: Pipeline) -> None:
    job = pipeline.admit_handle("jack")
    pipeline.lister.while_listing = lambda: pipeline.supersede(job)

    assert pipeline.fetch(job).outcome == Outcome.SUPERSEDED
    assert pipeline.read(job).post_urls == []


def test_a_request_whose_execution_is_lost_ends_and_returns_everything(pipeline: Pipeline) -> None:
    job = pipeline.admit_handle("jack")

    pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="States.Timeout")

    request = pipeline.read(job)
    assert (request.status, request.error_category) == ("FAILED", "timeout")
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (0, 0)


def set_plan(pipeline: Pipeline, **limits: int) -> None:
    with session_scope(pipeline.engine) as session:
        plan = session.scalars(select(Plan).where(Plan.slug == "business")).one()
        for name, value in limits.items():
            setattr(plan, name, value)


@pytest.fixture
def small_plan(pipeline: Pipeline) -> Any:
    """Limits that a test can reach; the plan's own are restored after it."""
    own = {"max_handles": 50, "max_analyses_per_day": 500, "max_urls": 50}
    yield lambda **limits: set_plan(pipeline, **limits)
    set_plan(pipeline, **own)


def test_handles_are_limited_by_the_plan_all_or_nothing(pipeline: Pipeline, small_plan: Callable[..., None]) -> None:
    small_plan(max_handles=1)
    pipeline.admit_handle("jack", posts=2)

    with pytest.raises(UsageLimitReached) as refusal:
        pipeline.admit_handle("jill", posts=2)

    assert "allows 1 handles a day on x" in refusal.value.message
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 2)


def test_the_posts_of_a_handle_count_as_urls_all_or_nothing(
    pipeline: Pipeline, small_plan: Callable[..., None]
) -> None:
    small_plan(max_analyses_per_day=4)
    pipeline.admit_handle("jack", posts=2)

    with pytest.raises(UsageLimitReached) as refusal:
        pipeline.admit_handle("jill", posts=3)

    assert "allows 4 URLs a day on x. You have used 2, and this call has 3" in refusal.value.message
    assert (pipeline.counted_handles(), total_urls(pipeline)) == (1, 2)


def test_more_posts_than_a_call_may_have_are_refused(pipeline: Pipeline, small_plan: Callable[..., None]) -> None:
    small_plan(max_urls=2)

    with pytest.raises(PlanUrlLimitExceeded):
        pipeline.admit_handle("jack", posts=3)

    assert (pipeline.counted_handles(), total_urls(pipeline)) == (0, 0)
