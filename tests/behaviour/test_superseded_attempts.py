"""Once a retry has started, late work of an older attempt changes nothing and is not paid for twice."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from aws_lambda_powertools import Logger
from sqlalchemy import update

from functions.transcribe.deadline import Deadline
from functions.transcribe.job_runner import Job
from functions.transcribe.media_processor import MediaProcessor
from functions.transcribe.medium_reader import MediumReader
from tests.fakes.post_scraper import scraped_post
from tests.fixtures.pipeline import Pipeline, check_books, check_history
from tests.fixtures.waits import WAIT_S
from whyviral.analysis.models import AnalysisRequestPost, PostState, RequestStatus, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.analysis.post_explainer import MODEL_TIMEOUT_S
from whyviral.analysis.retry import AnalysisComplete, AnalysisStillRunning
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedMedia
from whyviral.social.media.download import MediaRefused
from whyviral.vendor_calls.calls import CallCollector

VIDEO = "https://video.twimg.com/1.mp4"

type Late = Callable[[Pipeline, RequestJob, uuid.UUID], str]


def watch(pipeline: Pipeline, job: RequestJob, _post: uuid.UUID) -> str:
    def build_reader(*, calls: CallCollector) -> MediumReader:
        raise AssertionError(f"an old attempt reads media: {calls}")

    logger = Logger(service="test", level="CRITICAL")
    worker = MediaProcessor(pipeline.engine, build_reader=build_reader, clock=pipeline.clock, logger=logger)
    return worker.process(Job(request_id=job.request_id, attempt=job.attempt), Deadline(WAIT_S))


LATE: dict[str, Late] = {
    "FetchPosts": lambda pipeline, job, _: (
        pipeline.fetch(pipeline.job_of(pipeline.read(job)).model_copy(update={"attempt": job.attempt})).outcome
    ),
    "CollectMedia": lambda pipeline, job, post: pipeline.collect(job, post).outcome,
    "ProcessMedia": watch,
    "AnalysePosts": lambda pipeline, job, post: pipeline.explain(job, post).outcome,
    "NoteUnwatchedMedia": lambda pipeline, job, _: pipeline.note_unwatched(job).outcome,
    "FinishRequest": lambda pipeline, job, _: pipeline.finish(job).outcome,
    "FailUnanalysedPost": lambda pipeline, job, post: (
        pipeline.fail_post(job, post, stage=Stage.ANALYSING, error="States.Timeout").outcome
    ),
    "FailRequest": lambda pipeline, job, _: pipeline.fail(job, stage=Stage.ANALYSING, error="States.Timeout").outcome,
    "an execution that died": lambda pipeline, job, _: (
        pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="ExecutionLost").outcome
    ),
}
"""The functions that the state machine and failure events call, each on behalf of an attempt."""


def retried(pipeline: Pipeline) -> tuple[RequestJob, RequestJob, uuid.UUID]:
    """A retried request with a video, whose first attempt failed after its media were collected."""
    pipeline.source.posts["20"] = scraped_post("20", media=[ScrapedMedia(MediaKind.VIDEO, VIDEO)])
    old, (post,) = pipeline.collected("20")
    pipeline.fail(old, stage=Stage.ANALYSING, error="States.Timeout")
    return old, pipeline.try_again(old), post


@pytest.mark.parametrize("late", LATE)
def test_a_late_write_of_a_superseded_attempt_changes_nothing(pipeline: Pipeline, late: str) -> None:
    old, new, post = retried(pipeline)
    pipeline.fetch(pipeline.job_of(pipeline.read(new)))
    before, used = pipeline.everything(old), pipeline.used()
    counts = len(pipeline.source.asked), len(pipeline.model.prompts), len(pipeline.media.asked)

    assert LATE[late](pipeline, old, post) == Outcome.SUPERSEDED

    assert (pipeline.everything(old), pipeline.used()) == (before, used)
    assert (len(pipeline.source.asked), len(pipeline.model.prompts), len(pipeline.media.asked)) == counts


def test_the_next_attempt_waits_while_a_superseded_run_is_calling_the_provider(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    outcomes: list[Outcome] = []

    def try_again_meanwhile() -> None:
        pipeline.source.during = lambda: None
        pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="States.Timeout")
        outcomes.append(pipeline.fetch(pipeline.try_again(job)).outcome)

    pipeline.source.during = try_again_meanwhile
    zombie = pipeline.fetch(job)
    again = pipeline.fetch(pipeline.job_of(pipeline.read(job)))

    assert (outcomes, zombie.outcome, again.outcome) == ([Outcome.WAIT], Outcome.SUPERSEDED, Outcome.FETCHED)
    assert pipeline.source.asked == [("20",)]
    check_books(pipeline, job)


def test_the_job_of_a_superseded_run_is_resumed_immediately(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    job = pipeline.admit("20")

    def try_again_meanwhile() -> None:
        pipeline.source.during = lambda: None
        pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="States.Timeout")
        pipeline.try_again(job)

    pipeline.source.during = try_again_meanwhile
    pipeline.fetch(job)
    again, waits = pipeline.fetch_until_done(pipeline.job_of(pipeline.read(job)))

    assert (again.outcome, waits, pipeline.source.begun) == (Outcome.FETCHED, [], [("20",)])


def die() -> None:
    raise SystemExit


def test_the_next_attempt_waits_while_a_superseded_run_is_calling_the_model(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    waits: list[int | None] = []

    def try_again_meanwhile() -> None:
        pipeline.model.during = lambda: None
        pipeline.fail(job, stage=Stage.ANALYSING, error="ExecutionLost")
        pipeline.clock.advance(5)
        again = pipeline.try_again(job)
        pipeline.fetch(again)
        pipeline.collect(again, post)
        waits.append(pipeline.explain(again, post).wait_s)

    pipeline.model.during = try_again_meanwhile
    zombie = pipeline.explain(job, post)
    pipeline.clock.advance(waits[0] or 0)

    assert (zombie.outcome, waits) == (Outcome.SUPERSEDED, [MODEL_TIMEOUT_S - 5])
    assert len(pipeline.model.prompts) == 1
    assert pipeline.explain(pipeline.job_of(pipeline.read(job)), post).outcome == Outcome.ANALYSED
    check_books(pipeline, job)


@pytest.mark.parametrize(("cause", "wait_s"), [('{"errorType": "Runtime.ExitError"}', None), ("", 65)])
def test_the_next_attempt_calls_the_model_at_once_if_the_superseded_run_has_ended(
    pipeline: Pipeline, cause: str, wait_s: int | None
) -> None:
    job, (post,) = pipeline.collected("20")
    pipeline.model.during = die
    with pytest.raises(SystemExit):
        pipeline.explain(job, post)
    pipeline.model.during = lambda: None
    pipeline.fail_post(job, post, stage=Stage.ANALYSING, error="Runtime.ExitError", cause=cause)
    pipeline.finish(job)

    result = pipeline.explain(pipeline.try_again(job), post)

    assert (result.outcome, result.wait_s) == (Outcome.WAIT if wait_s else Outcome.ANALYSED, wait_s)


def test_a_post_whose_model_call_lasts_too_long_fails_with_a_message(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.collected("20")
    with session_scope(pipeline.engine) as session:
        until = pipeline.clock() + timedelta(seconds=MODEL_TIMEOUT_S)
        session.execute(update(AnalysisRequestPost).values(asked_until=until))

    late = pipeline.explain(job, post, started_at=pipeline.clock() - timedelta(seconds=10))

    (row,) = pipeline.read(job).posts
    assert late.outcome == Outcome.FAILED
    assert (row.error_category, row.error) == (
        ErrorCategory.TIMEOUT,
        "An earlier try to explain this post has not ended yet; try again in a minute.",
    )


def test_a_storage_failure_of_an_old_attempt_is_not_reported_for_media_that_the_new_one_stored(
    pipeline: Pipeline,
) -> None:
    pipeline.source.posts["20"] = scraped_post("20", media=[ScrapedMedia(MediaKind.VIDEO, VIDEO)])
    job, (post,) = pipeline.fetched("20")

    def store_meanwhile() -> None:
        pipeline.media.during = lambda: None
        pipeline.fail(job, stage=Stage.COLLECTING_MEDIA, error="States.Timeout")
        again = pipeline.try_again(job)
        pipeline.collect(again, post)
        pipeline.media.refused[VIDEO] = MediaRefused.with_dead_link("It has expired.")

    pipeline.media.during = store_meanwhile
    zombie = pipeline.collect(job, post)

    (medium,) = pipeline.posts()["20"].media
    assert (zombie.outcome, medium.error, medium.storage_path is not None) == (Outcome.SUPERSEDED, None, True)


@pytest.mark.parametrize("explained", [0, 1, 2])
def test_a_retry_concurrent_with_the_end_of_a_request_happens_before_or_after_it(
    pipeline: Pipeline, explained: int
) -> None:
    job, posts = pipeline.collected("20", "21")
    for post in posts[:explained]:
        pipeline.explain(job, post)
    start = threading.Barrier(9)

    def retry(_: int) -> bool:
        start.wait(WAIT_S)
        try:
            pipeline.try_again(job)
        except (AnalysisStillRunning, AnalysisComplete):
            return False
        return True

    with ThreadPoolExecutor(9) as threads:
        retries = threads.map(retry, range(8))
        end = threads.submit(lambda: (start.wait(WAIT_S), pipeline.finish(job))[1])
        started = sum(retries)

    request = pipeline.read(job)
    assert end.result().outcome == (Outcome.COMPLETED if explained == 2 else Outcome.FAILED)
    assert started == request.retry_count == request.attempt - 1 <= (explained < 2)
    assert pipeline.used() == {"2026-11-23": 2 if started else explained}
    check_history(request)
    if started:
        assert (request.status, [row.state for row in request.posts]) == (
            RequestStatus.PENDING,
            [PostState.ANALYSED] * explained + [PostState.COLLECTED] * (2 - explained),
        )
