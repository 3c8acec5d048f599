"""Suggestions from the analysis that makes them to the result of the post that follows one up."""

import uuid
from typing import Any

import pytest

from tests.factories import create_user
from tests.fakes.analyst import VALID_ANSWER, model_error
from tests.fakes.post_scraper import scraped_post
from tests.fixtures.pipeline import Pipeline
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.analysis.service import get_request
from whyviral.analysis.suggestions.schemas import FollowUpResultOut, SuggestionOut
from whyviral.analysis.suggestions.service import (
    FollowUpIsOriginal,
    InvalidFollowUpUrl,
    SuggestionNotFound,
    mark_done,
    undo,
)
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory

NEW_URL = "https://x.com/i/status/21"


def analysed(pipeline: Pipeline, post_id: str, *, views: int) -> RequestJob:
    """Analyse a post with this number of views, in comparison with its creator's list."""
    metrics = {"likes": 10, "views": views}
    pipeline.source.posts[post_id] = scraped_post(post_id, metrics=metrics)
    job, (post,) = pipeline.collected(post_id)
    pipeline.compare(job)
    assert pipeline.explain(job, post).outcome == Outcome.ANALYSED
    pipeline.finish(job)
    return job


def suggestions_of(pipeline: Pipeline, job: RequestJob) -> list[SuggestionOut]:
    with session_scope(pipeline.engine) as session:
        (analysis,) = get_request(session, pipeline.user_id, job.request_id).post_analyses
        return analysis.suggestions


def mark(pipeline: Pipeline, suggestion_id: uuid.UUID, url: str = NEW_URL) -> SuggestionOut:
    with session_scope(pipeline.engine) as session:
        return mark_done(session, pipeline.user_id, suggestion_id, url, now=pipeline.clock())


def result_of(pipeline: Pipeline, job: RequestJob) -> FollowUpResultOut | None:
    follow_up = suggestions_of(pipeline, job)[0].follow_up
    assert follow_up is not None
    return follow_up.result


def fact(pipeline: Pipeline, job: RequestJob, name: str) -> Any:
    (analysis,) = pipeline.read(job).post_analyses
    return next(each["value"] for each in analysis.metadata_used["facts"] if each["name"] == name)


def test_an_analysis_saves_its_suggestions_in_order(pipeline: Pipeline) -> None:
    job = analysed(pipeline, "20", views=30_000)

    saved = suggestions_of(pipeline, job)

    assert [each.text for each in saved] == VALID_ANSWER["suggestions_for_future_posts"]
    assert [(each.position, each.follow_up) for each in saved] == [(1, None), (2, None), (3, None), (4, None)]


def test_the_result_of_the_new_post_is_shown_once_it_is_analysed(pipeline: Pipeline) -> None:
    original = analysed(pipeline, "20", views=30_000)
    mark(pipeline, suggestions_of(pipeline, original)[0].id)
    assert result_of(pipeline, original) is None

    follow_up = analysed(pipeline, "21", views=90_000)

    result = result_of(pipeline, original)
    (analysis,) = pipeline.read(follow_up).post_analyses
    verdict = analysis.metadata_used["verdict"]
    before = pipeline.read(original).post_analyses[0].metadata_used["verdict"]
    assert result is not None
    assert (result.request_id, result.post_id) == (follow_up.request_id, analysis.post_id)
    assert (result.is_viral, result.score) == (verdict["is_viral"], verdict["score"])
    assert result.score_change == pytest.approx(verdict["score"] - before["score"], abs=0.001)
    assert result.outlier_ratio == fact(pipeline, follow_up, "outlier_ratio")
    assert result.outlier_ratio_change == pytest.approx(3.0, abs=0.01)


def test_a_post_that_was_analysed_before_has_its_result_at_once(pipeline: Pipeline) -> None:
    original = analysed(pipeline, "20", views=30_000)
    follow_up = analysed(pipeline, "21", views=90_000)

    marked = mark(pipeline, suggestions_of(pipeline, original)[2].id, "https://twitter.com/jack/status/21?s=20")

    assert marked.follow_up is not None
    assert marked.follow_up.url == NEW_URL
    assert marked.follow_up.result is not None
    assert marked.follow_up.result.request_id == follow_up.request_id
    assert suggestions_of(pipeline, original)[2] == marked


def test_the_latest_analysis_of_the_new_post_counts(pipeline: Pipeline) -> None:
    original = analysed(pipeline, "20", views=30_000)
    mark(pipeline, suggestions_of(pipeline, original)[0].id)
    analysed(pipeline, "21", views=90_000)
    pipeline.clock.advance(60)

    again, (post,) = pipeline.collected("21")
    pipeline.explain(again, post)

    result = result_of(pipeline, original)
    assert result is not None
    assert result.request_id == again.request_id


def test_an_analysis_by_another_user_is_no_result(pipeline: Pipeline) -> None:
    original = analysed(pipeline, "20", views=30_000)
    mark(pipeline, suggestions_of(pipeline, original)[0].id)
    theirs = analysed(pipeline, "21", views=90_000)
    with session_scope(pipeline.engine) as session:
        session.get_one(PostAnalysisRequest, theirs.request_id).user_id = create_user(session).id

    assert result_of(pipeline, original) is None


def test_scores_of_different_rules_are_not_subtracted(pipeline: Pipeline) -> None:
    original = analysed(pipeline, "20", views=30_000)
    mark(pipeline, suggestions_of(pipeline, original)[0].id)
    job, (post,) = pipeline.collected("21")
    pipeline.explain(job, post)  # without a baseline, by rule v0.1

    result = result_of(pipeline, original)

    assert result is not None
    assert (result.score_change, result.outlier_ratio, result.outlier_ratio_change) == (None, None, None)


def test_a_retry_rewrites_the_suggestions_that_are_not_marked(pipeline: Pipeline) -> None:
    pipeline.model.answers.append(model_error(ErrorCategory.AUTH, is_transient=False))
    job, (post,) = pipeline.collected("20")
    pipeline.explain(job, post)  # computed from measurements
    pipeline.finish(job)
    before = suggestions_of(pipeline, job)
    mark(pipeline, before[1].id)

    again = pipeline.try_again(job)
    pipeline.explain(again, post)

    after = suggestions_of(pipeline, job)
    written = VALID_ANSWER["suggestions_for_future_posts"]
    assert [each.id for each in after] == [each.id for each in before]
    assert [each.text for each in after] == [written[0], before[1].text, *written[2:]]
    assert [each.follow_up is not None for each in after] == [False, True, False, False]


def test_a_mark_can_be_repeated_replaced_and_undone(pipeline: Pipeline) -> None:
    job = analysed(pipeline, "20", views=30_000)
    suggestion_id = suggestions_of(pipeline, job)[0].id
    first = mark(pipeline, suggestion_id)
    pipeline.clock.advance(60)

    assert mark(pipeline, suggestion_id, "https://mobile.twitter.com/ada/status/21") == first
    other = mark(pipeline, suggestion_id, "https://www.instagram.com/reel/CtnPcJU8aWK/").follow_up
    assert other is not None
    assert (other.url, other.done_at) == ("https://www.instagram.com/p/CtnPcJU8aWK/", pipeline.clock())
    for _ in range(2):
        with session_scope(pipeline.engine) as session:
            undo(session, pipeline.user_id, suggestion_id)
        assert suggestions_of(pipeline, job)[0].follow_up is None


@pytest.mark.parametrize("url", ["https://x.com/jack/status/20", "https://fxtwitter.com/i/web/status/20#x"])
def test_the_original_post_does_not_follow_up_itself(url: str, pipeline: Pipeline) -> None:
    job = analysed(pipeline, "20", views=30_000)
    suggestion = suggestions_of(pipeline, job)[0]

    with pytest.raises(FollowUpIsOriginal, match="Paste the URL of the new post"):
        mark(pipeline, suggestion.id, url)

    assert suggestions_of(pipeline, job)[0] == suggestion


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://evil.example/i/status/21", "x", "\x00", "https://x.com/jack", "x" * 10_000]
)
def test_a_url_that_names_no_post_marks_nothing(url: str, pipeline: Pipeline) -> None:
    job = analysed(pipeline, "20", views=30_000)
    suggestion = suggestions_of(pipeline, job)[0]

    with pytest.raises(InvalidFollowUpUrl) as refused:
        mark(pipeline, suggestion.id, url)

    assert refused.value.details
    assert suggestions_of(pipeline, job)[0] == suggestion


def test_only_suggestions_of_the_users_own_analyses_are_found(pipeline: Pipeline) -> None:
    job = analysed(pipeline, "20", views=30_000)
    suggestion = suggestions_of(pipeline, job)[0]

    with session_scope(pipeline.engine) as session:
        stranger = create_user(session).id
        for suggestion_id, user_id in ((suggestion.id, stranger), (uuid.uuid4(), pipeline.user_id)):
            with pytest.raises(SuggestionNotFound):
                mark_done(session, user_id, suggestion_id, NEW_URL, now=pipeline.clock())
            with pytest.raises(SuggestionNotFound):
                undo(session, user_id, suggestion_id)

    assert suggestions_of(pipeline, job)[0] == suggestion
