"""A retry resumes an ended request from its saved results: no result is lost, and no work is repeated."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.fakes.analyst import VALID_ANSWER, model_error
from tests.fakes.post_scraper import scrape_error, scraped_post
from tests.fixtures.pipeline import Pipeline, check_books, check_history
from whyviral.analysis.models import AnalysisRequestPost, PostState, RequestStatus, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.analysis.retry import AnalysisComplete, AnalysisStillRunning, RetriesUsedUp
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedMedia, ScrapeFailure
from whyviral.social.media.download import MediaRefused
from whyviral.social.models import PostMedia
from whyviral.social.service import CLAIM_LEASE

PHOTO = "https://pbs.twimg.com/media/1.jpg"
VIDEO = "https://video.twimg.com/1.mp4"
NEW_ANSWER = dict(VALID_ANSWER) | {"viral_formula": "Seen whole [inference]."}
KILLED = '{"errorType": "Runtime.ExitError", "errorMessage": "RequestId: 1 Error: signal: killed"}'


def with_media(pipeline: Pipeline, post_id: str, *media: tuple[MediaKind, str]) -> None:
    pipeline.source.posts[post_id] = scraped_post(post_id, media=[ScrapedMedia(kind, url) for kind, url in media])


def too_slow() -> MediaRefused:
    return MediaRefused("The platform took too long to send this file; try again later.", ErrorCategory.TIMEOUT)


def states(pipeline: Pipeline, job: RequestJob) -> list[tuple[str, bool, str | None]]:
    return [(post.state, post.is_partial, post.error_category) for post in pipeline.read(job).posts]


def formulas(pipeline: Pipeline, job: RequestJob) -> list[str]:
    return [analysis.viral_formula for analysis in pipeline.read(job).post_analyses]


def failed_request(pipeline: Pipeline, stage: Stage) -> RequestJob:
    """Run a request of two posts up to a stage, and fail that stage."""
    job = pipeline.admit("20", "21")
    if stage is not Stage.FETCHING_POSTS:
        posts = pipeline.fetch(job).posts
        if stage is not Stage.COLLECTING_MEDIA:
            for post in posts:
                pipeline.collect(job, post)
        if stage is Stage.ANALYSIS_COMPLETE:
            pipeline.explain(job, posts[0])
    pipeline.fail(job, stage=stage, error="Runtime.ExitError", cause=KILLED)
    return job


@pytest.mark.parametrize(
    "stage", [Stage.FETCHING_POSTS, Stage.COLLECTING_MEDIA, Stage.ANALYSING, Stage.ANALYSIS_COMPLETE]
)
def test_a_retry_completes_a_request_that_failed_at_any_stage_without_repeating_paid_calls(
    pipeline: Pipeline, stage: Stage
) -> None:
    job = failed_request(pipeline, stage)

    outcome = pipeline.run(pipeline.try_again(job))

    request = pipeline.read(job)
    assert (outcome, request.status, request.results) == (
        Outcome.COMPLETED,
        RequestStatus.COMPLETED,
        {"posts": 2, "analysed": 2, "partial": 0, "failed": 0, "viral": 2},
    )
    assert states(pipeline, job) == [(PostState.ANALYSED, False, None)] * 2
    assert (len(pipeline.source.paid), len(pipeline.model.prompts)) == (1, 2)
    assert check_history(request)[-1] == Stage.ANALYSIS_COMPLETE
    assert pipeline.reserved(job) == ["charged"] * 2
    check_books(pipeline, job)


def test_a_failed_stage_fails_its_posts_and_explained_posts_make_a_partial_success(pipeline: Pipeline) -> None:
    job, (first, _) = pipeline.collected("20", "21")
    pipeline.explain(job, first)

    result = pipeline.fail(job, stage=Stage.ANALYSING, error="States.Timeout")

    request = pipeline.read(job)
    message = "It took too long while explaining the post; try again later."
    assert (result.outcome, request.status, request.error_stage, request.error) == (
        Outcome.FAILED,
        RequestStatus.COMPLETED,
        None,
        None,
    )
    assert request.results == {"posts": 2, "analysed": 1, "partial": 0, "failed": 1, "viral": 1}
    assert [(post.state, post.error) for post in request.posts] == [("ANALYSED", None), ("FAILED", message)]
    assert (check_history(request)[-1], request.progress) == (Stage.PARTIAL_SUCCESS, 100)
    assert pipeline.reserved(job) == ["charged", "returned"]


def test_a_retry_of_a_partial_success_explains_only_the_missing_posts(pipeline: Pipeline) -> None:
    pipeline.model.answers.append(model_error(ErrorCategory.AUTH, is_transient=False))
    job = pipeline.admit("20", "21")
    assert pipeline.run(job) == Outcome.FAILED  # one post has no analysis for a cause on our side
    assert pipeline.read(job).status == RequestStatus.COMPLETED

    assert pipeline.run(pipeline.try_again(job)) == Outcome.COMPLETED

    request = pipeline.read(job)
    assert (request.attempt, request.retry_count, len(pipeline.model.prompts)) == (2, 1, 3)
    assert [step.message for step in request.status_history if step.attempt == 2] == [
        "Retrying 1 of 2 posts.",
        "Fetching the posts.",
        "2 of 2 posts are fetched.",
        "Collecting the posts' media.",
        "The posts can be read; explaining them now.",
        "Explaining the posts.",
        "2 of 2 posts are explained.",
        "All posts are explained.",
    ]
    check_history(request)


def test_a_partial_success_without_a_cause_on_our_side_raises_no_alarm(pipeline: Pipeline) -> None:
    pipeline.source.absent = {"404"}

    assert pipeline.run(pipeline.admit("20", "404")) == Outcome.COMPLETED


def test_a_retry_resumes_a_providers_running_job_by_its_id(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 1_000
    pipeline.source.wait_s = 100.0
    job = pipeline.admit("20")
    pipeline.run(job)
    pipeline.source.slow["20"] = 0

    assert pipeline.run(pipeline.try_again(job)) == Outcome.COMPLETED

    assert pipeline.source.begun == [("20",)]
    assert set(pipeline.source.resumed) == {"job-1"}


@pytest.mark.parametrize("cause", [KILLED, ""], ids=["its end is known", "it may still run"])
def test_the_claims_of_a_failed_run_are_released_at_once_or_expire_with_their_lease(
    pipeline: Pipeline, cause: str
) -> None:
    job = pipeline.admit("20")
    pipeline.source.during = stop_run
    with pytest.raises(SystemExit):
        pipeline.fetch(job)
    pipeline.source.during = lambda: None
    pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="Runtime.ExitError", cause=cause)

    again = pipeline.try_again(job)
    at_once = pipeline.fetch(again).outcome
    pipeline.clock.advance(CLAIM_LEASE.total_seconds() + 1)

    assert at_once == (Outcome.FETCHED if cause else Outcome.WAIT)
    assert len(pipeline.fetch(again).posts) == 1


def stop_run() -> None:
    raise SystemExit


def test_a_temporarily_missing_medium_makes_an_analysis_partial_until_a_retry_gets_it(pipeline: Pipeline) -> None:
    with_media(pipeline, "20", (MediaKind.IMAGE, PHOTO))
    pipeline.media.refused[PHOTO] = too_slow()
    job = pipeline.admit("20")

    assert pipeline.run(job) == Outcome.COMPLETED

    request = pipeline.read(job)
    assert states(pipeline, job) == [(PostState.ANALYSED, True, None)]
    assert request.results == {"posts": 1, "analysed": 1, "partial": 1, "failed": 0, "viral": 1}
    assert (request.status, check_history(request)[-1]) == (RequestStatus.COMPLETED, Stage.PARTIAL_SUCCESS)
    assert request.status_history[-1].message == (
        "1 of 1 posts are explained, 1 of them without all of its media: a retry may get what was missing."
    )

    pipeline.media.refused.clear()
    pipeline.model.answers.append(NEW_ANSWER)
    assert pipeline.run(pipeline.try_again(job)) == Outcome.COMPLETED

    assert states(pipeline, job) == [(PostState.ANALYSED, False, None)]
    assert formulas(pipeline, job) == ["Seen whole [inference]."]
    assert (len(pipeline.source.asked), pipeline.used()) == (1, {"2026-11-23": 1})
    with pytest.raises(AnalysisComplete):
        pipeline.try_again(job)


def test_an_unprocessed_video_makes_an_analysis_partial(pipeline: Pipeline) -> None:
    with_media(pipeline, "20", (MediaKind.VIDEO, VIDEO))
    job = pipeline.admit("20")
    pipeline.run(job)
    before = states(pipeline, job)
    with session_scope(pipeline.engine) as session:
        session.execute(update(PostMedia).values(processed_at=pipeline.clock()))

    pipeline.run(pipeline.try_again(job))

    assert (before, states(pipeline, job)) == (
        [(PostState.ANALYSED, True, None)],
        [(PostState.ANALYSED, False, None)],
    )


def partial_request(pipeline: Pipeline, refusal: MediaRefused) -> RequestJob:
    with_media(pipeline, "20", (MediaKind.IMAGE, PHOTO))
    pipeline.media.refused[PHOTO] = refusal
    job = pipeline.admit("20")
    pipeline.run(job)
    return job


FAILURES: dict[str, tuple[Stage, ErrorCategory, Outcome]] = {
    "model": (Stage.ANALYSING, ErrorCategory.AUTH, Outcome.FAILED),
    "stage": (Stage.COLLECTING_MEDIA, ErrorCategory.TIMEOUT, Outcome.FAILED),
    "late": (Stage.ANALYSING, ErrorCategory.TIMEOUT, Outcome.FAILED),
}


@pytest.mark.parametrize("way", FAILURES)
def test_a_partial_analysis_survives_every_failure_of_a_retry(pipeline: Pipeline, way: str) -> None:
    job = partial_request(pipeline, too_slow())
    stage, category, outcome = FAILURES[way]
    again = pipeline.try_again(job)
    readable = formulas(pipeline, job)

    match way:
        case "model":
            pipeline.media.refused.clear()  # the same evidence would not be asked about again
            pipeline.model.answers.append(model_error(ErrorCategory.AUTH, is_transient=False))
            ended = pipeline.run(again)
        case "stage":
            ended = pipeline.fail(again, stage=stage, error="States.Timeout").outcome
        case _:
            ended = pipeline.finish(again).outcome

    request = pipeline.read(job)
    assert (ended, request.status, request.posts[0].error_stage) == (outcome, RequestStatus.COMPLETED, stage)
    assert states(pipeline, job) == [(PostState.ANALYSED, True, category)]
    assert formulas(pipeline, job) == readable == [VALID_ANSWER["viral_formula"]]
    assert pipeline.used() == {"2026-11-23": 1}
    assert check_history(request)[-1] == Stage.PARTIAL_SUCCESS


@pytest.mark.parametrize("is_fetched", [True, False])
def test_a_post_with_expired_media_links_is_fetched_again_once(pipeline: Pipeline, is_fetched: bool) -> None:
    job = partial_request(pipeline, MediaRefused.with_dead_link("It has expired."))
    again = pipeline.try_again(job)
    if is_fetched:
        with_media(pipeline, "20", (MediaKind.IMAGE, PHOTO + "?new"))
        pipeline.model.answers.append(NEW_ANSWER)
    else:
        pipeline.source.posts["20"] = ScrapeFailure("20", ErrorCategory.NOT_FOUND, "It is gone.")

    pipeline.run(again)

    assert len(pipeline.source.asked) == 2
    assert formulas(pipeline, job) == ["Seen whole [inference]." if is_fetched else VALID_ANSWER["viral_formula"]]
    assert states(pipeline, job) == [
        (PostState.ANALYSED, False, None) if is_fetched else (PostState.ANALYSED, True, ErrorCategory.REMOVED)
    ]
    messages = [step.message for step in pipeline.read(job).status_history]
    assert any(message.endswith("those posts are fetched again.") for message in messages)


def test_a_provider_failure_of_all_posts_is_reported_without_secrets(pipeline: Pipeline) -> None:
    pipeline.source.errors.append(scrape_error(ErrorCategory.AUTH, is_transient=False, status=401))
    job = pipeline.admit("20")

    assert pipeline.run(job) == Outcome.FAILED

    request = pipeline.read(job)
    assert (request.error_stage, request.error_category) == (Stage.FETCHING_POSTS, ErrorCategory.AUTH)
    assert request.error_details == {
        "message": "The source of X posts is out of order.",
        "error": "ProviderError",
        "provider": "twitterapi",
        "status": 401,
        "provider_request_id": "r-1",
    }


def test_a_request_can_be_retried_three_times_and_not_while_it_runs(pipeline: Pipeline) -> None:
    job: RequestJob = pipeline.admit("20")
    for _ in range(3):
        with pytest.raises(AnalysisStillRunning):
            pipeline.try_again(job)
        pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="States.Timeout")
        job = pipeline.try_again(job)
    pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="States.Timeout")

    with pytest.raises(RetriesUsedUp):
        pipeline.try_again(job)

    assert pipeline.used() == {"2026-11-23": 0}


def error_details(pipeline: Pipeline, job: RequestJob) -> Sequence[dict[str, Any] | None]:
    with session_scope(pipeline.engine) as session:
        return session.scalars(
            select(AnalysisRequestPost.error_details)
            .where(AnalysisRequestPost.request_id == job.request_id)
            .order_by(AnalysisRequestPost.position)
        ).all()


def test_the_error_message_of_a_function_is_kept_for_operators_only(pipeline: Pipeline) -> None:
    job, (first, _) = pipeline.collected("20", "21")
    cause = '{"errorMessage": "no key AIzaSyA-0123456789012345678901234567890", "errorType": "LookupError"}'

    pipeline.fail_post(job, first, stage=Stage.ANALYSING, error="LookupError", cause=cause)
    pipeline.fail(job, stage=Stage.ANALYSING, error="LookupError", cause=cause)

    details = {"error": "LookupError", "reported": "no key [hidden]"}
    message = "Something went wrong on our side while explaining the post; try again."
    assert error_details(pipeline, job) == [details, details]
    assert pipeline.read(job).error_details == details | {"message": message}
    assert {post.error for post in pipeline.read(job).posts} == {message}
