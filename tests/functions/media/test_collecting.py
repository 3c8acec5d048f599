import uuid

import pytest

from tests.fakes.post_scraper import scraped_post
from tests.fixtures.pipeline import Pipeline, check_history
from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome, PostResult
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.post_scraper import MediaKind, ScrapedMedia


def test_a_text_post_has_nothing_to_collect_and_goes_on(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.fetched("20")

    assert pipeline.collect(job, post) == PostResult(post=post, outcome=Outcome.COLLECTED)

    request = pipeline.read(job)
    assert [row.state for row in request.posts] == [PostState.COLLECTED]
    assert check_history(request)[-1] == Stage.COLLECTING_MEDIA


@pytest.mark.parametrize("kind", list(MediaKind))
def test_a_post_with_media_is_unsupported_rather_than_explained_half_seen(pipeline: Pipeline, kind: MediaKind) -> None:
    pipeline.source.posts["21"] = scraped_post("21", media=[ScrapedMedia(kind, "https://pbs.twimg.com/media/1")])
    job, (text, photo) = pipeline.fetched("20", "21")

    assert pipeline.collect(job, text).outcome == Outcome.COLLECTED
    assert pipeline.collect(job, photo).outcome == Outcome.FAILED

    _, row = pipeline.read(job).posts
    assert (row.state, row.error_stage, row.error_category) == (
        PostState.FAILED,
        Stage.COLLECTING_MEDIA,
        ErrorCategory.UNSUPPORTED,
    )


def test_a_post_that_is_collected_twice_is_as_if_collected_once(pipeline: Pipeline) -> None:
    pipeline.source.posts["21"] = scraped_post("21", media=[ScrapedMedia(MediaKind.IMAGE, "https://pbs.twimg.com/1")])
    job, posts = pipeline.fetched("20", "21")
    first = [pipeline.collect(job, post) for post in posts]
    before = pipeline.everything(job)

    assert [pipeline.collect(job, post) for post in posts] == first
    assert pipeline.everything(job) == before


def test_a_post_that_has_already_failed_does_not_go_on(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.fetched("20")
    pipeline.fail_post(job, post, stage=Stage.COLLECTING_MEDIA, error="States.Timeout")

    assert pipeline.collect(job, post).outcome == Outcome.FAILED


def test_an_old_attempt_collects_nothing(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.fetched("20")
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert pipeline.collect(job, post) == PostResult(post=post, outcome=Outcome.SUPERSEDED)
    assert pipeline.everything(job) == before


def test_a_post_of_another_request_is_refused(pipeline: Pipeline) -> None:
    job, _ = pipeline.fetched("20")
    _, (foreign,) = pipeline.fetched("21")

    for post in (foreign, uuid.uuid4()):
        with pytest.raises(LookupError):
            pipeline.collect(job, post)
