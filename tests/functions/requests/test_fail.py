import pytest

from tests.fixtures.pipeline import Pipeline, check_books, check_history
from whyviral.analysis.models import PostState, RequestStatus, Stage
from whyviral.analysis.pipeline import Outcome, StageResult
from whyviral.core.errors import ErrorCategory

TIMEOUT_ERRORS = ["States.Timeout", "States.HeartbeatTimeout", "Sandbox.Timedout"]
OTHER_ERRORS = [
    "Runtime.ExitError",
    "LookupError",
    "Lambda.TooManyRequestsException",
    "States.QueryEvaluationError",
    "",
]
ERRORS = [(error, ErrorCategory.TIMEOUT) for error in TIMEOUT_ERRORS] + [
    (error, ErrorCategory.INTERNAL) for error in OTHER_ERRORS
]


@pytest.mark.parametrize(("error", "category"), ERRORS)
def test_a_request_fails_with_the_stage_and_the_category_of_the_error(
    pipeline: Pipeline, error: str, category: ErrorCategory
) -> None:
    job, _ = pipeline.fetched("20")
    pipeline.clock.advance(65)

    assert pipeline.fail(job, stage=Stage.FETCHING_POSTS, error=error) == StageResult(outcome=Outcome.FAILED)

    request = pipeline.read(job)
    assert (request.status, request.error_stage, request.error_category) == (
        RequestStatus.FAILED,
        Stage.FETCHING_POSTS,
        category,
    )
    assert (request.finished_at, float(request.duration_seconds or 0)) == (pipeline.clock(), 65)
    assert request.error == request.status_history[-1].message
    assert request.error_details == {"message": request.error, "error": error}
    assert (check_history(request)[-1], request.progress) == (Stage.ERROR, 30)
    check_books(pipeline, job)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage.FETCHING_POSTS, "while fetching the posts;"),
        (Stage.COLLECTING_MEDIA, "while collecting the post's media;"),
        (Stage.ANALYSING, "while explaining the post;"),
        (Stage.ANALYSIS_COMPLETE, "while finishing the analysis;"),
        (Stage.TRANSCRIBING, "while watching the videos;"),
        (Stage.RETRYING, "while working on it;"),
    ],
)
@pytest.mark.parametrize("error", ["States.Timeout", "Runtime.ExitError"])
def test_the_message_of_a_failed_request_names_the_stage_and_no_technical_error(
    pipeline: Pipeline, stage: Stage, words: str, error: str
) -> None:
    job = pipeline.admit("20")

    pipeline.fail(job, stage=stage, error=error)

    message = pipeline.read(job).error or ""
    assert words in message
    assert error not in message


def test_a_request_continues_after_the_media_worker_failed_and_the_history_says_so(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")

    result = pipeline.note_unwatched(job)
    pipeline.explain(job, post)

    assert result == StageResult(outcome=Outcome.FAILED)
    assert pipeline.finish(job).outcome == Outcome.COMPLETED
    request = pipeline.read(job)
    (step,) = [step for step in request.status_history if step.stage == Stage.TRANSCRIBING]
    assert step.message.startswith("Not every video could be watched")
    assert (request.status, request.error_stage) == (RequestStatus.COMPLETED, None)
    check_history(request)


def test_a_superseded_attempt_records_no_worker_failure(pipeline: Pipeline) -> None:
    job, _ = pipeline.collected("20")
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert pipeline.note_unwatched(job) == StageResult(outcome=Outcome.SUPERSEDED)
    assert pipeline.everything(job) == before


def test_the_duration_of_a_request_that_never_started_counts_from_its_creation(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    request = pipeline.read(job)
    pipeline.clock.now = request.created_at
    pipeline.clock.advance(3)

    pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="ExecutionLost")

    assert float(pipeline.read(job).duration_seconds or 0) == 3


@pytest.mark.parametrize(("error", "category"), ERRORS)
def test_a_stage_failure_of_one_post_fails_only_that_post(
    pipeline: Pipeline, error: str, category: ErrorCategory
) -> None:
    job, (failing, other) = pipeline.collected("20", "21")

    assert pipeline.fail_post(job, failing, stage=Stage.ANALYSING, error=error) == StageResult(outcome=Outcome.FAILED)
    pipeline.explain(job, other)

    first, second = pipeline.read(job).posts
    assert (first.state, first.error_stage, first.error_category) == (PostState.FAILED, Stage.ANALYSING, category)
    assert first.error_details == {"error": error}
    assert (second.state, pipeline.finish(job).outcome) == (PostState.ANALYSED, Outcome.FAILED)
    assert pipeline.read(job).status == RequestStatus.COMPLETED


@pytest.mark.parametrize("end", [PostState.ANALYSED, PostState.FAILED])
def test_a_finished_post_keeps_its_state_when_a_stage_fails(pipeline: Pipeline, end: PostState) -> None:
    job, (post,) = pipeline.collected("20")
    if end == PostState.ANALYSED:
        pipeline.explain(job, post)
    else:
        pipeline.fail_post(job, post, stage=Stage.COLLECTING_MEDIA, error="States.Timeout")
    before = pipeline.everything(job)

    pipeline.fail_post(job, post, stage=Stage.ANALYSING, error="Runtime.ExitError")

    assert pipeline.everything(job) == before


def test_a_superseded_attempt_fails_nothing(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.fetched("20")
    pipeline.supersede(job)
    before = pipeline.everything(job)

    outcomes = [
        pipeline.fail(job, stage=Stage.ANALYSING, error="States.Timeout").outcome,
        pipeline.fail_post(job, post, stage=Stage.ANALYSING, error="States.Timeout").outcome,
    ]

    assert outcomes == [Outcome.SUPERSEDED] * 2
    assert pipeline.everything(job) == before


def test_a_finished_request_keeps_its_status_when_a_stage_fails(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    pipeline.explain(job, post)
    pipeline.finish(job)
    before = pipeline.everything(job)

    assert pipeline.fail(job, stage=Stage.ANALYSING, error="States.Timeout").outcome == Outcome.SUPERSEDED
    assert pipeline.everything(job) == before


def test_a_second_attempt_continues_the_history_and_progress_never_falls(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    pipeline.explain(job, post)
    pipeline.supersede(job)
    second = job.model_copy(update={"attempt": 2})

    pipeline.fetch(second)
    pipeline.finish(second)

    request = pipeline.read(job)
    assert check_history(request)[-2:] == [Stage.FETCHING_POSTS, Stage.ANALYSIS_COMPLETE]
    assert [step.progress for step in request.status_history][-2:] == [95, 100]
    assert [step.attempt for step in request.status_history][-2:] == [2, 2]
