"""FetchPosts with the real client, over HTTP."""

from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from functions.scrape.fetching import PostFetcher, Source
from tests.fixtures.pipeline import REUSE_FOR, Pipeline, check_books
from tests.fixtures.stand_ins import StandInsClient
from whyviral.analysis.models import PostState
from whyviral.analysis.pipeline import Outcome
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.twitterapi import TwitterApiScraper
from whyviral.social.platforms import Platform


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


def test_posts_of_x_are_fetched_and_a_busy_provider_is_waited_for(
    pipeline: Pipeline, stand_ins: StandInsClient, local_endpoints: Endpoints, http: httpx.Client
) -> None:
    stand_ins.add_post(id="101", username="somebody", text="Hello.", metrics={"likes": 10, "views": 1000})
    stand_ins.fault("twitterapi", "status", status=429, headers={"Retry-After": "9"}, times=1)
    x = Source(
        partial(TwitterApiScraper, "stand-in", clock=pipeline.clock, client=http),
        local_endpoints.is_stand_in("twitterapi"),
    )
    fetcher = PostFetcher(
        pipeline.engine,
        sources=dict.fromkeys(Platform, x),
        reuse_for=REUSE_FOR,
        clock=pipeline.clock,
    )
    job = pipeline.admit("101", "404")

    results = [fetcher.fetch(job), fetcher.fetch(job)]

    assert [(result.outcome, result.wait_s) for result in results] == [(Outcome.WAIT, 9), (Outcome.FETCHED, None)]
    rows = [(row.state, row.error_category) for row in pipeline.read(job).posts]
    assert rows == [(PostState.FETCHED, None), (PostState.FAILED, ErrorCategory.NOT_FOUND)]
    post = pipeline.posts()["101"]
    assert (post.username, post.content, post.is_stand_in) == ("somebody", "Hello.", True)
    assert post.metrics["views"] == 1000
    assert [call["status"] for call in stand_ins.calls("twitterapi")] == [429, 200]
    assert [(call.status, call.is_stand_in) for call in pipeline.calls(job)] == [(429, True), (200, True)]
    assert check_books(pipeline, job) > 0
