from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import select

from tests.fakes.analyst import model_error
from tests.fakes.post_scraper import scraped_post
from tests.fixtures.pipeline import Pipeline, check_books, check_history
from whyviral.analysis.models import PostState, RequestStatus, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob, StageResult
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import ScrapeFailure
from whyviral.social.models import Post, UserPostActivity

BORING = {"likes": 3}


def explain_all(pipeline: Pipeline, *post_ids: str) -> RequestJob:
    job, posts = pipeline.collected(*post_ids)
    for post in posts:
        pipeline.explain(job, post)
    return job


def test_a_request_whose_posts_are_all_explained_is_complete(pipeline: Pipeline) -> None:
    pipeline.source.posts["21"] = scraped_post("21", metrics=BORING)
    job = explain_all(pipeline, "20", "21")
    pipeline.clock.advance(12.5)

    assert pipeline.finish(job) == StageResult(outcome=Outcome.COMPLETED)

    request = pipeline.read(job)
    assert (request.status, request.progress, request.posts_processed) == (RequestStatus.COMPLETED, 100, 2)
    assert request.results == {"posts": 2, "analysed": 2, "partial": 0, "failed": 0, "viral": 1}
    assert (request.finished_at, request.duration_seconds) == (pipeline.clock(), Decimal("12.500"))
    assert (request.error_stage, request.error_category, request.error) == (None, None, None)
    assert check_history(request) == [
        Stage.REQUEST_CREATED,
        Stage.FETCHING_POSTS,
        Stage.SOCIAL_DATA_FETCHED,
        Stage.COLLECTING_MEDIA,
        Stage.DISPLAYING_CONTENT,
        Stage.ANALYSING,
        Stage.ANALYSING,
        Stage.ANALYSING,
        Stage.ANALYSIS_COMPLETE,
    ]
    assert request.status_history[-1].cost_usd == check_books(pipeline, job)


def test_a_request_with_some_explained_posts_is_a_partial_success(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}
    job = explain_all(pipeline, "20", "404")

    assert pipeline.finish(job) == StageResult(outcome=Outcome.COMPLETED)

    request = pipeline.read(job)
    assert (request.status, request.progress, request.error_category) == (RequestStatus.COMPLETED, 100, None)
    assert request.results == {"posts": 2, "analysed": 1, "partial": 0, "failed": 1, "viral": 1}
    assert check_history(request)[-1] == Stage.PARTIAL_SUCCESS
    assert request.status_history[-1].message == "1 of 2 posts are explained; each of the others says why it is not."


def test_a_request_without_any_analysis_fails_with_the_most_common_cause(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404", "405"}
    pipeline.source.posts["13"] = ScrapeFailure("13", ErrorCategory.PRIVATE, "The account is protected.")
    job, _ = pipeline.fetched("13", "404", "405")

    assert pipeline.finish(job) == StageResult(outcome=Outcome.NO_RESULT)

    request = pipeline.read(job)
    assert (request.status, request.posts_processed) == (RequestStatus.FAILED, 0)
    assert (request.error_stage, request.error_category) == (Stage.FETCHING_POSTS, ErrorCategory.NOT_FOUND)
    assert request.error == "X shows no public post at this address."
    assert request.results == {"posts": 3, "analysed": 0, "partial": 0, "failed": 3, "viral": 0}
    assert (check_history(request)[-1], request.progress) == (Stage.ERROR, 5)
    assert request.status_history[-1].message == request.error


@pytest.mark.parametrize("category", list(ErrorCategory))
def test_only_a_cause_on_our_side_makes_the_execution_fail(pipeline: Pipeline, category: ErrorCategory) -> None:
    job = pipeline.admit("20")
    pipeline.make_urls_fail(job, error_stage=Stage.FETCHING_POSTS, error_category=category, error="So it is.")

    result = pipeline.finish(job)

    users = {"not_found", "private", "removed", "invalid_url", "unsupported"}
    assert result.outcome == (Outcome.NO_RESULT if category in users else Outcome.FAILED)
    assert (pipeline.read(job).status, pipeline.read(job).error_category) == (RequestStatus.FAILED, category)


def test_one_post_that_failed_on_our_side_makes_the_execution_fail(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404", "405"}
    pipeline.model.answers.append(model_error(ErrorCategory.AUTH, is_transient=False))
    job = explain_all(pipeline, "404", "20", "405")

    assert pipeline.finish(job).outcome == Outcome.FAILED  # the model failed
    assert pipeline.read(job).status == RequestStatus.COMPLETED


def test_a_post_explained_from_measurements_makes_a_partial_success_that_says_so(pipeline: Pipeline) -> None:
    pipeline.model.answers.append(model_error(ErrorCategory.AUTH, is_transient=False))
    job = explain_all(pipeline, "20", "21")

    pipeline.finish(job)

    request = pipeline.read(job)
    assert request.status_history[-1].stage == Stage.PARTIAL_SUCCESS
    assert request.status_history[-1].message == (
        "2 of 2 posts are explained, 1 of them computed from measurements, no model was asked: a retry asks it."
    )
    assert request.results == {"posts": 2, "analysed": 2, "partial": 1, "failed": 0, "viral": 2}
    assert pipeline.reserved(job) == ["charged", "charged"]


LOST = "This post was lost on our side before it was explained; try again."
TOO_LATE = "There was no time left to explain this post; try again."


@pytest.mark.parametrize(
    ("reached", "category", "message"),
    [
        (PostState.PENDING, ErrorCategory.INTERNAL, LOST),
        (PostState.FETCHED, ErrorCategory.TIMEOUT, TOO_LATE),
        (PostState.COLLECTED, ErrorCategory.TIMEOUT, TOO_LATE),
    ],
)
def test_a_post_that_was_never_analysed_is_a_failure_on_our_side(
    pipeline: Pipeline, reached: PostState, category: ErrorCategory, message: str
) -> None:
    job = explain_all(pipeline, "20")
    lost = pipeline.admit("21")
    match reached:
        case PostState.FETCHED:
            pipeline.fetch(lost)
        case PostState.COLLECTED:
            (post,) = pipeline.fetch(lost).posts
            pipeline.collect(lost, post)

    assert pipeline.finish(job).outcome == Outcome.COMPLETED
    assert pipeline.finish(lost).outcome == Outcome.FAILED

    request = pipeline.read(lost)
    assert [row.state for row in request.posts] == [PostState.FAILED]
    assert (request.error_stage, request.error_category) == (Stage.ANALYSING, category)
    assert request.error == message


def test_a_superseded_attempt_finishes_nothing(pipeline: Pipeline) -> None:
    job = explain_all(pipeline, "20")
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert pipeline.finish(job) == StageResult(outcome=Outcome.SUPERSEDED)
    assert pipeline.everything(job) == before


def test_concurrent_calls_finish_a_request_once(pipeline: Pipeline) -> None:
    job = explain_all(pipeline, "20")

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(result.outcome for result in pool.map(lambda _: pipeline.finish(job), range(4)))

    assert outcomes == [Outcome.COMPLETED] + [Outcome.SUPERSEDED] * 3
    assert check_history(pipeline.read(job)).count(Stage.ANALYSIS_COMPLETE) == 1


def list_activities(pipeline: Pipeline) -> list[tuple[str, str, bool]]:
    """Return platform post id and activity of the user's rows, and whether each was updated after its creation."""
    with session_scope(pipeline.engine) as session:
        rows = session.execute(
            select(Post.platform_post_id, UserPostActivity.activity, UserPostActivity.updated_at)
            .join(Post, Post.id == UserPostActivity.post_id)
            .add_columns(UserPostActivity.created_at)
            .where(UserPostActivity.user_id == pipeline.user_id)
            .order_by(Post.platform_post_id)
        )
        return [(post_id, activity, updated_at > created_at) for post_id, activity, updated_at, created_at in rows]


def test_a_users_analysed_posts_are_recorded_once_and_updated_later(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}

    pipeline.finish(explain_all(pipeline, "20", "404"))
    first = list_activities(pipeline)
    pipeline.finish(explain_all(pipeline, "20", "21"))

    assert first == [("20", "analysed", False)]
    assert list_activities(pipeline) == [("20", "analysed", True), ("21", "analysed", False)]
