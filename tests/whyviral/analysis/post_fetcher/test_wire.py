"""FetchPosts with the real clients, over HTTP."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import httpx
import pytest

from tests.fixtures.database import count_statements
from tests.fixtures.pipeline import REUSE_FOR, Pipeline, check_books
from tests.fixtures.stand_ins import StandInsClient
from whyviral.analysis.models import PostState
from whyviral.analysis.pipeline import Outcome
from whyviral.analysis.post_fetcher import FETCH_BUDGET, FetchJob, PostFetcher, Source
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.instagram.scraper import InstagramScraper
from whyviral.integrations.twitterapi.scraper import TwitterApiScraper
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.prices import PRICES


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


def fetcher_of(pipeline: Pipeline, source: Source) -> PostFetcher:
    return PostFetcher(
        pipeline.engine,
        sources=dict.fromkeys(Platform, source),
        handle_posts=pipeline.handle_posts(),
        reuse_for=REUSE_FOR,
        limits=pipeline.limits,
        clock=pipeline.clock,
        jitter=lambda low, _high: low,
        sleep=pipeline.clock.advance,
    )


def test_posts_of_x_are_fetched_after_a_rate_limit(
    pipeline: Pipeline, stand_ins: StandInsClient, local_endpoints: Endpoints, http: httpx.Client
) -> None:
    stand_ins.add_post(id="101", username="paper_kite", text="Hello.", metrics={"likes": 10, "views": 1000})
    stand_ins.fault("twitterapi", "status", status=429, headers={"Retry-After": "9"}, times=1)
    scraper = partial(TwitterApiScraper, "stand-in", clock=pipeline.clock, client=http, prices=PRICES)
    fetcher = fetcher_of(pipeline, Source(scraper, local_endpoints.is_stand_in("twitterapi")))
    job = pipeline.admit("101", "404")

    results = [fetcher.fetch(job), fetcher.fetch(job)]
    pipeline.clock.advance(9)
    results.append(fetcher.fetch(job))

    assert [(result.outcome, result.wait_s) for result in results] == [
        (Outcome.WAIT, 9),
        (Outcome.WAIT, 9),  # the stand-in rejects a call that comes too early
        (Outcome.FETCHED, None),
    ]
    rows = [(row.state, row.error_category) for row in pipeline.read(job).posts]
    assert rows == [(PostState.FETCHED, None), (PostState.FAILED, ErrorCategory.NOT_FOUND)]
    post = pipeline.posts()["101"]
    assert (post.username, post.content, post.is_stand_in) == ("paper_kite", "Hello.", True)
    assert post.metrics["views"] == 1000
    assert [call["status"] for call in stand_ins.calls("twitterapi")] == [429, 200]
    assert [(call.status, call.is_stand_in) for call in pipeline.calls(job)] == [(429, True), (200, True)]
    assert check_books(pipeline, job) > 0


@pytest.fixture
def instagram(
    pipeline: Pipeline, stand_ins: StandInsClient, local_endpoints: Endpoints, http: httpx.Client
) -> PostFetcher:
    """FetchPosts with the real Instagram client; jobs are ready at once."""
    stand_ins.control("brightdata", {"delay_s": 0})
    scraper = partial(InstagramScraper, "stand-in", clock=pipeline.clock, client=http, prices=PRICES)
    return fetcher_of(pipeline, Source(scraper, local_endpoints.is_stand_in("brightdata")))


def fetch_until_done(fetcher: PostFetcher, pipeline: Pipeline, job: FetchJob) -> list[int]:
    """Repeat FetchPosts and its waits until it ends; return the waits."""
    waits = []
    while (wait_s := fetcher.fetch(job).wait_s) is not None:
        waits.append(wait_s)
        pipeline.clock.advance(wait_s)
    return waits


def test_instagram_posts_are_fetched_by_one_job_and_a_missing_one_fails_alone(
    pipeline: Pipeline, stand_ins: StandInsClient, instagram: PostFetcher
) -> None:
    comment = {"text": "Higher!", "author": "a.b", "likes": 3, "posted_at": "2026-11-01T13:00:00Z"}
    stand_ins.add_instagram_post("Hphoto", ("image", b"picture"), text="Up. #kites", comments=[comment])
    stand_ins.add_instagram_post("Hmany", ("image", b"first"), ("video", b"second"), metrics={"likes": 0})
    job = pipeline.admit("Hphoto", "Hgone", "Hmany", platform=Platform.INSTAGRAM)

    waits = fetch_until_done(instagram, pipeline, job)

    assert waits == [5, 2]
    assert [(row.state, row.error_category) for row in pipeline.read(job).posts] == [
        (PostState.FETCHED, None),
        (PostState.FAILED, ErrorCategory.NOT_FOUND),
        (PostState.FETCHED, None),
    ]
    photo, many = pipeline.posts()["Hphoto"], pipeline.posts()["Hmany"]
    assert (photo.username, photo.content, photo.is_stand_in, photo.scrape_job) == (
        "invented",
        "Up. #kites",
        True,
        None,
    )
    assert photo.metrics == {"likes": 10, "comments": 2}
    assert photo.details == {"is_paid_partnership": False}
    assert [medium.kind for medium in photo.media] == ["image"]
    assert (many.metrics, [medium.kind for medium in many.media]) == ({}, ["image", "video"])
    operations = [call.operation.rpartition("/v3/")[2] for call in pipeline.calls(job)]
    assert operations == ["trigger", "progress/{id}", "snapshot/{id}", "progress/{id}", "snapshot/{id}"]
    assert check_books(pipeline, job) == 2 * Decimal("0.0015")


def test_a_request_that_timed_out_leaves_its_job_to_the_next_request(
    pipeline: Pipeline, stand_ins: StandInsClient, instagram: PostFetcher
) -> None:
    stand_ins.add_instagram_post("Hslow", ("image", b"picture"))
    job = pipeline.admit("Hslow", platform=Platform.INSTAGRAM)
    instagram.fetch(job)
    pipeline.clock.advance(FETCH_BUDGET.total_seconds())

    assert instagram.fetch(job).outcome == Outcome.FETCHED
    assert [row.error_category for row in pipeline.read(job).posts] == [ErrorCategory.TIMEOUT]
    later = pipeline.admit("Hslow", platform=Platform.INSTAGRAM)
    assert len(instagram.fetch(later).posts) == 1

    assert [call["method"] for call in stand_ins.calls("brightdata")].count("POST") == 1
    assert (check_books(pipeline, job), check_books(pipeline, later)) == (Decimal("0.0015"), Decimal(0))


def test_the_wait_for_a_rate_limited_scraping_service_is_its_retry_after(
    pipeline: Pipeline, stand_ins: StandInsClient, instagram: PostFetcher
) -> None:
    stand_ins.add_instagram_post("Hphoto", ("image", b"picture"))
    stand_ins.fault("brightdata", "status", status=429, headers={"Retry-After": "40"}, times=1)
    job = pipeline.admit("Hphoto", platform=Platform.INSTAGRAM)

    assert fetch_until_done(instagram, pipeline, job) == [40, 5, 2]
    assert [row.state for row in pipeline.read(job).posts] == [PostState.FETCHED]


def test_a_request_takes_the_same_number_of_calls_and_statements_for_any_number_of_posts(
    pipeline: Pipeline, stand_ins: StandInsClient, instagram: PostFetcher
) -> None:
    many = [f"Hpost{number}" for number in range(20)]
    for post_id in ("Hone", *many):
        stand_ins.add_instagram_post(post_id, ("image", post_id.encode()))
    made = []
    for ids in (["Hone"], many):
        job = pipeline.admit(*ids, platform=Platform.INSTAGRAM)
        with count_statements() as statements:
            fetch_until_done(instagram, pipeline, job)
        made.append((len(pipeline.calls(job)), [statement.split()[:3] for statement in statements]))

    assert made[0] == made[1]
