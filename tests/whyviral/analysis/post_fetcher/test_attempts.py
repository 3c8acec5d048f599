"""A superseded attempt changes no request, but its costs are recorded and its fetched posts are saved."""

from tests.fakes.post_scraper import scrape_error
from tests.fixtures.pipeline import Pipeline, check_books
from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob


def shown(pipeline: Pipeline, job: RequestJob) -> tuple[str, str, int, list[tuple[str, str | None]]]:
    request = pipeline.read(job)
    posts = [(post.state, post.error_category) for post in request.posts]
    return request.status, request.status_history[-1].stage, request.progress, posts


def test_a_superseded_attempt_fetches_nothing(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert pipeline.fetch(job).outcome == Outcome.SUPERSEDED

    assert pipeline.everything(job) == before
    assert pipeline.source.asked == []


def test_an_attempt_superseded_during_its_call_records_the_cost_and_saves_the_post(pipeline: Pipeline) -> None:
    job = pipeline.admit("20", "404")
    pipeline.source.absent = {"404"}
    pipeline.source.during = lambda: pipeline.supersede(job)

    result = pipeline.fetch(job)

    assert result.outcome == Outcome.SUPERSEDED
    assert shown(pipeline, job) == (
        "PROCESSING",
        Stage.FETCHING_POSTS,
        5,
        [(PostState.PENDING, None), (PostState.PENDING, None)],
    )
    assert [(call.attempt, call.analysis_request_id) for call in pipeline.calls(job)] == [(1, job.request_id)]
    assert check_books(pipeline, job) > 0
    assert pipeline.posts().keys() == {"20"}


def test_the_next_attempt_reuses_posts_of_the_superseded_one(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    pipeline.source.during = lambda: pipeline.supersede(job)
    pipeline.fetch(job)

    result = pipeline.fetch(job.model_copy(update={"attempt": 2}))

    assert (result.outcome, len(result.posts)) == (Outcome.FETCHED, 1)
    assert len(pipeline.source.asked) == 1


def test_the_next_attempt_continues_with_collected_posts_of_the_superseded_one(pipeline: Pipeline) -> None:
    job, (explained, collected) = pipeline.collected("20", "21")
    pipeline.explain(job, explained)
    pipeline.supersede(job)

    result = pipeline.fetch(job.model_copy(update={"attempt": 2}))

    assert (result.outcome, result.posts) == (Outcome.FETCHED, (collected,))
    assert len(pipeline.source.asked) == 1


def test_an_attempt_superseded_during_a_failing_call_does_not_wait(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    pipeline.source.errors.append(scrape_error())
    pipeline.source.during = lambda: pipeline.supersede(job)

    assert pipeline.fetch(job).outcome == Outcome.SUPERSEDED
    assert len(pipeline.calls(job)) == 1
    check_books(pipeline, job)


def test_an_attempt_superseded_after_its_call_changes_nothing_more(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    pipeline.fetch(job)
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert pipeline.fetch(job).outcome == Outcome.SUPERSEDED
    assert pipeline.everything(job) == before


def test_posts_of_a_finished_request_are_not_fetched_again(pipeline: Pipeline) -> None:
    job = pipeline.admit("20")
    pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="States.Timeout")

    assert pipeline.fetch(job).outcome == Outcome.SUPERSEDED
    assert pipeline.source.asked == []
