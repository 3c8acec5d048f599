from datetime import timedelta

import pytest

from tests.fakes.post_scraper import scraped_post
from tests.fixtures.database import count_statements
from tests.fixtures.pipeline import REUSE_FOR, Pipeline, check_books, check_history
from whyviral.analysis.models import PostState, RequestStatus, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.analysis.post_fetcher import FetchResult
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedMedia, ScrapeFailure


def errors(pipeline: Pipeline, job: RequestJob) -> list[tuple[str, str | None, str | None]]:
    return [(post.state, post.error_stage, post.error_category) for post in pipeline.read(job).posts]


def test_a_fetched_post_is_saved_and_returned_to_the_state_machine(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")

    result = pipeline.fetch(job)

    request = pipeline.read(job)
    (row,) = request.posts
    assert result == FetchResult(outcome=Outcome.FETCHED, posts=(row.id,))
    assert (row.state, row.post_id) == (PostState.FETCHED, pipeline.posts()["20"].id)
    assert (request.status, request.started_at) == (RequestStatus.PROCESSING, pipeline.clock())
    assert check_history(request) == [Stage.REQUEST_CREATED, Stage.FETCHING_POSTS, Stage.SOCIAL_DATA_FETCHED]
    assert check_books(pipeline, job) > 0


def test_a_saved_post_has_the_providers_values(pipeline: Pipeline) -> None:
    video = ScrapedMedia(MediaKind.VIDEO, "https://video.twimg.com/1.mp4", duration_s=12.5)
    said = scraped_post("20", media=[video])
    pipeline.source.posts["20"] = said

    pipeline.fetched("20")

    post = pipeline.posts()["20"]
    assert (post.url, post.username, post.content, post.language, post.posted_at, post.metrics, post.raw) == (
        said.url,
        "jack",
        said.text,
        "en",
        said.posted_at,
        said.metrics,
        said.raw,
    )
    assert post.author == {"username": "jack", "display_name": "jack", "followers": 1000, "is_verified": None}
    assert (post.fetched_at, post.is_stand_in) == (pipeline.clock(), False)
    assert (post.claimed_by, post.claimed_until) == (None, None)
    assert [(m.kind, m.source_url, m.position, float(m.duration_s or 0)) for m in post.media] == [
        ("video", "https://video.twimg.com/1.mp4", 0, 12.5)
    ]


@pytest.mark.parametrize(("age", "calls"), [(REUSE_FOR, 1), (REUSE_FOR + timedelta(seconds=1), 2)])
def test_a_post_is_fetched_again_only_when_it_is_stale(pipeline: Pipeline, age: timedelta, calls: int) -> None:
    pipeline.fetched("20")
    pipeline.clock.advance(age.total_seconds())

    job, posts = pipeline.fetched("20")

    assert len(posts) == 1
    assert len(pipeline.source.asked) == calls
    assert len(pipeline.calls(job)) == calls - 1


def test_a_refetched_post_replaces_text_metrics_and_media(pipeline: Pipeline) -> None:
    pipeline.source.posts["20"] = scraped_post(
        "20", media=[ScrapedMedia(MediaKind.IMAGE, "https://pbs.twimg.com/1.jpg")]
    )
    pipeline.fetched("20")
    first = pipeline.posts()["20"]
    pipeline.source.posts["20"] = scraped_post("20", text="Edited.", metrics={"likes": 7})
    pipeline.clock.advance(REUSE_FOR.total_seconds() + 1)

    pipeline.fetched("20")

    post = pipeline.posts()["20"]
    assert (post.id, post.content, post.metrics, post.media) == (first.id, "Edited.", {"likes": 7}, [])


def test_twenty_posts_of_x_are_fetched_in_one_call(pipeline: Pipeline) -> None:
    ids = [str(number) for number in range(101, 121)]

    _, posts = pipeline.fetched(*ids)

    assert len(posts) == 20
    assert [sorted(asked) for asked in pipeline.source.asked] == [ids]


def test_posts_are_fetched_in_random_order(pipeline: Pipeline) -> None:
    pipeline.source.unanswered = {"101", "102", "103"}
    job = pipeline.admit("101", "102", "103")
    draws = iter([0.1, 0.2, 0.3, 0.9, 0.5, 0.7])
    pipeline.jitter = lambda _low, _high: next(draws)

    pipeline.fetch(job)
    pipeline.fetch(job)

    assert pipeline.source.asked == [("101", "102", "103"), ("102", "103", "101")]


def test_only_stale_posts_are_fetched(pipeline: Pipeline) -> None:
    pipeline.fetched("101", "102")

    _, posts = pipeline.fetched("103", "101", "104", "102")

    assert len(posts) == 4
    assert sorted(pipeline.source.asked[1]) == ["103", "104"]


@pytest.mark.parametrize("first_is_stand_in", [True, False])
def test_posts_of_a_stand_in_and_of_the_platform_are_never_mixed(pipeline: Pipeline, first_is_stand_in: bool) -> None:
    pipeline.fetch(pipeline.admit("20"), is_stand_in=first_is_stand_in)

    pipeline.fetch(pipeline.admit("20"), is_stand_in=not first_is_stand_in)

    assert len(pipeline.source.asked) == 2
    assert pipeline.posts()["20"].is_stand_in is not first_is_stand_in


def test_an_absent_post_is_not_found_and_leaves_no_row(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}
    job = pipeline.admit("20", "404")

    result = pipeline.fetch(job)

    assert result.outcome == Outcome.FETCHED
    assert errors(pipeline, job) == [
        (PostState.FETCHED, None, None),
        (PostState.FAILED, Stage.FETCHING_POSTS, ErrorCategory.NOT_FOUND),
    ]
    assert pipeline.posts().keys() == {"20"}


def test_an_absent_post_that_was_fetched_before_counts_as_removed_and_keeps_its_row(pipeline: Pipeline) -> None:
    pipeline.fetched("20")
    pipeline.clock.advance(REUSE_FOR.total_seconds() + 1)
    pipeline.source.absent = {"20"}
    job = pipeline.admit("20")

    pipeline.fetch(job)

    assert errors(pipeline, job) == [(PostState.FAILED, Stage.FETCHING_POSTS, ErrorCategory.REMOVED)]
    post = pipeline.posts()["20"]
    assert (post.content, post.claimed_by) == ("Post 20 says hello.", None)


def test_an_absent_post_that_only_a_stand_in_had_is_not_found(pipeline: Pipeline) -> None:
    pipeline.fetch(pipeline.admit("20"), is_stand_in=True)
    pipeline.source.absent = {"20"}
    job = pipeline.admit("20")

    pipeline.fetch(job)

    assert errors(pipeline, job) == [(PostState.FAILED, Stage.FETCHING_POSTS, ErrorCategory.NOT_FOUND)]


def test_a_protected_post_fails_as_private(pipeline: Pipeline) -> None:
    pipeline.source.posts["20"] = ScrapeFailure("20", ErrorCategory.PRIVATE, "The account is protected.")
    job = pipeline.admit("20")

    result = pipeline.fetch(job)

    (row,) = pipeline.read(job).posts
    assert result == FetchResult(outcome=Outcome.FETCHED)
    assert (row.error_category, row.error) == (ErrorCategory.PRIVATE, "The account is protected.")
    assert Stage.SOCIAL_DATA_FETCHED not in check_history(pipeline.read(job))


def test_running_fetch_posts_twice_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}
    job = pipeline.admit("20", "404")
    first = pipeline.fetch(job)
    before = pipeline.everything(job)

    second = pipeline.fetch(job)

    assert (second, pipeline.everything(job)) == (first, before)
    assert len(pipeline.source.asked) == 1


def test_fetch_posts_takes_the_same_number_of_statements_for_any_number_of_posts(pipeline: Pipeline) -> None:
    one, many = pipeline.admit("1"), pipeline.admit(*map(str, range(101, 121)))
    with count_statements() as for_one:
        pipeline.fetch(one)
    with count_statements() as for_many:
        pipeline.fetch(many)

    assert [statement.split()[:3] for statement in for_many] == [statement.split()[:3] for statement in for_one]
