"""Running jobs at a provider: FetchPosts stores them, resumes them by id and never starts them twice."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.fakes.post_scraper import scrape_error, scraped_post
from tests.fixtures.database import count_statements
from tests.fixtures.pipeline import REUSE_FOR, Pipeline, check_books
from whyviral.analysis.admission import admit
from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.analysis.post_fetcher import FETCH_BUDGET, FetchResult
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import ScrapedComment, ScrapeFailure, ScrapeJob
from whyviral.social.models import PostComments
from whyviral.social.platforms import Platform
from whyviral.social.post_urls import PostUrl
from whyviral.social.service import CLAIM_LEASE, JOB_LIFE


def stored_job(pipeline: Pipeline, post_id: str = "20") -> dict[str, Any] | None:
    return pipeline.posts()[post_id].scrape_job


def end_of(pipeline: Pipeline, job: RequestJob) -> list[tuple[str, str | None, str | None]]:
    return [(post.state, post.error_category, post.error) for post in pipeline.read(job).posts]


def comments_of(pipeline: Pipeline, post_id: str) -> list[dict[str, Any]] | None:
    with session_scope(pipeline.engine) as session:
        return session.scalar(select(PostComments.comments).where(PostComments.post_id == pipeline.posts()[post_id].id))


def test_a_started_job_is_stored_and_the_claim_is_kept_while_waiting(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 1
    job = pipeline.admit("20")

    result = pipeline.fetch(job)

    post = pipeline.posts()["20"]
    assert result == FetchResult(outcome=Outcome.WAIT, wait_s=10)
    assert post.scrape_job == {
        "id": "job-1",
        "kind": "posts",
        "number": 1,
        "is_lost": False,
        "is_stand_in": False,
        "begun_at": pipeline.clock().isoformat(),
    }
    assert (post.claimed_by, post.claimed_until) == (job.lease_owner, pipeline.clock() + CLAIM_LEASE)
    assert len(pipeline.calls(job)) == 1


def test_a_job_is_resumed_by_its_id_until_it_ends_and_then_deleted(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 3
    job = pipeline.admit("20")

    result, waits = pipeline.fetch_until_done(job)

    post = pipeline.posts()["20"]
    assert (result.outcome, len(result.posts), waits) == (Outcome.FETCHED, 1, [10, 10, 10, 10])
    assert pipeline.source.begun == [("20",)]
    assert pipeline.source.resumed == ["job-1"] * 4
    assert (post.scrape_job, post.claimed_by, post.content) == (None, None, "Post 20 says hello.")
    assert len(pipeline.calls(job)) == 5
    assert check_books(pipeline, job) > 0


def test_a_saved_post_keeps_its_values_while_its_job_runs(pipeline: Pipeline) -> None:
    pipeline.fetched("20")
    pipeline.clock.advance(REUSE_FOR.total_seconds() + 1)
    pipeline.source.slow["20"] = 0
    job = pipeline.admit("20")

    pipeline.fetch(job)

    during = pipeline.posts()["20"]
    assert (during.content, during.scrape_job and during.scrape_job["id"]) == ("Post 20 says hello.", "job-1")
    assert pipeline.fetch(job).outcome == Outcome.FETCHED
    assert stored_job(pipeline) is None


def test_a_function_killed_after_it_stored_a_job_resumes_the_job(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    job = pipeline.admit("20")
    pipeline.fetch(job)
    pipeline.source.during = stop_run

    with pytest.raises(SystemExit):
        pipeline.fetch(job)

    pipeline.source.during = lambda: None
    assert pipeline.fetch(job).outcome == Outcome.FETCHED
    assert pipeline.source.begun == [("20",)]


def stop_run() -> None:
    raise SystemExit


def test_the_next_attempt_resumes_the_job_of_the_superseded_one(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    job = pipeline.admit("20")
    pipeline.source.during = lambda: pipeline.supersede(job)

    assert pipeline.fetch(job).outcome == Outcome.SUPERSEDED
    pipeline.source.during = lambda: None
    result = pipeline.fetch(job.model_copy(update={"attempt": 2}))

    assert (result.outcome, len(result.posts)) == (Outcome.FETCHED, 1)
    assert pipeline.source.begun == [("20",)]
    assert [call.attempt for call in pipeline.calls(job)] == [1, 2]
    check_books(pipeline, job)


def test_another_request_does_not_poll_a_claimed_running_job(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    first, second = pipeline.admit("20"), pipeline.admit("20")
    pipeline.fetch(first)

    assert pipeline.fetch(second) == FetchResult(outcome=Outcome.WAIT, wait_s=2)
    pipeline.fetch(first)

    assert len(pipeline.fetch(second).posts) == 1
    assert pipeline.source.resumed == ["job-1"]
    assert pipeline.calls(second) == []


def test_another_request_resumes_the_job_of_a_stopped_request(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    pipeline.fetch(pipeline.admit("20"))
    job = pipeline.admit("20")

    result, waits = pipeline.fetch_until_done(job)

    assert (result.outcome, len(result.posts)) == (Outcome.FETCHED, 1)
    assert sum(waits) <= CLAIM_LEASE.total_seconds() + 2
    assert pipeline.source.begun == [("20",)]


def test_a_job_that_exceeds_the_time_budget_is_resumed_by_the_next_request(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 1_000
    pipeline.source.wait_s = 30.0
    job = pipeline.admit("20")

    result, waits = pipeline.fetch_until_done(job)

    assert result == FetchResult(outcome=Outcome.FETCHED)
    assert FETCH_BUDGET - timedelta(seconds=30) < timedelta(seconds=sum(waits)) <= FETCH_BUDGET
    ((state, category, message),) = end_of(pipeline, job)
    assert (state, category) == (PostState.FAILED, ErrorCategory.TIMEOUT)
    assert "still fetching this post" in str(message)
    assert (stored_job(pipeline) or {})["id"] == "job-1"
    assert pipeline.posts()["20"].claimed_by is None

    pipeline.source.slow["20"] = 0
    later = pipeline.admit("20")
    assert pipeline.fetch(later).outcome == Outcome.FETCHED
    assert pipeline.source.begun == [("20",)]
    check_books(pipeline, job)
    assert check_books(pipeline, later) > 0


@pytest.mark.parametrize(("age", "begun"), [(JOB_LIFE, 1), (JOB_LIFE + timedelta(seconds=1), 2)])
def test_a_job_is_resumed_only_within_its_lifetime(pipeline: Pipeline, age: timedelta, begun: int) -> None:
    pipeline.source.slow["20"] = 0
    pipeline.fetch(pipeline.admit("20"))
    pipeline.clock.advance(age.total_seconds())

    pipeline.fetch_until_done(pipeline.admit("20"))

    assert len(pipeline.source.begun) == begun


def test_the_lifetime_of_a_job_counts_from_its_start(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 1_000
    pipeline.fetch(pipeline.admit("20"))
    pipeline.clock.advance(JOB_LIFE.total_seconds())
    pipeline.fetch(pipeline.admit("20"))

    pipeline.clock.advance(CLAIM_LEASE.total_seconds() + 1)
    pipeline.fetch(pipeline.admit("20"))

    assert pipeline.source.begun == [("20",), ("20",)]


def test_a_transient_failure_keeps_the_job_and_releases_the_claim(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    job = pipeline.admit("20")
    pipeline.fetch(job)
    pipeline.source.errors.append(scrape_error(ErrorCategory.RATE_LIMIT, status=429, retry_after_s=40.0))

    assert pipeline.fetch(job) == FetchResult(outcome=Outcome.WAIT, wait_s=42)

    assert (pipeline.posts()["20"].claimed_by, (stored_job(pipeline) or {})["id"]) == (None, "job-1")
    assert pipeline.fetch(job).outcome == Outcome.FETCHED
    assert pipeline.source.begun == [("20",)]


def test_a_permanent_failure_keeps_the_job_for_a_later_request(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    job = pipeline.admit("20")
    pipeline.fetch(job)
    pipeline.source.errors.append(scrape_error(ErrorCategory.AUTH, is_transient=False, status=401))

    pipeline.fetch(job)

    assert [category for _, category, _ in end_of(pipeline, job)] == [ErrorCategory.AUTH]
    assert pipeline.fetch(pipeline.admit("20")).outcome == Outcome.FETCHED
    assert pipeline.source.begun == [("20",)]


def test_a_post_that_its_job_did_not_find_leaves_no_row_and_no_job(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    pipeline.source.posts["20"] = ScrapeFailure("20", ErrorCategory.PROVIDER_ERROR, "It could not be read.")
    job = pipeline.admit("20")

    result, _ = pipeline.fetch_until_done(job)

    assert result == FetchResult(outcome=Outcome.FETCHED)
    assert end_of(pipeline, job) == [(PostState.FAILED, ErrorCategory.PROVIDER_ERROR, "It could not be read.")]
    assert pipeline.posts() == {}


def test_a_saved_post_whose_job_failed_gets_a_new_job(pipeline: Pipeline) -> None:
    pipeline.fetched("20")
    pipeline.clock.advance(REUSE_FOR.total_seconds() + 1)
    pipeline.source.slow["20"] = 0
    pipeline.source.absent = {"20"}
    pipeline.fetch_until_done(pipeline.admit("20"))
    pipeline.source.absent = set()

    pipeline.fetch_until_done(pipeline.admit("20"))

    assert pipeline.source.begun == [("20",), ("20",)]
    assert stored_job(pipeline) is None


def test_a_run_with_an_expired_claim_does_not_overwrite_the_new_owners_job(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 5
    first, second = pipeline.admit("20"), pipeline.admit("20")

    def sleep_through_the_lease() -> None:
        pipeline.source.during = lambda: None
        pipeline.clock.advance(CLAIM_LEASE.total_seconds() + 1)
        pipeline.fetch(second)

    pipeline.source.during = sleep_through_the_lease
    pipeline.fetch(first)

    post = pipeline.posts()["20"]
    assert len(pipeline.source.begun) == 2
    assert ((post.scrape_job or {})["id"], post.claimed_by) == ("job-1", second.lease_owner)


def test_a_lost_job_is_counted_when_the_next_job_starts(pipeline: Pipeline) -> None:
    pipeline.source.slow["20"] = 0
    pipeline.source.posts["20"] = ScrapeFailure(
        "20", ErrorCategory.PROVIDER_ERROR, "Lost.", lost=ScrapeJob("job-1", "posts", number=2, is_lost=True)
    )
    pipeline.fetch_until_done(pipeline.admit("20"))
    assert (stored_job(pipeline) or {})["is_lost"]
    del pipeline.source.posts["20"]
    later = pipeline.admit("20")

    pipeline.fetch(later)

    assert ((stored_job(pipeline) or {})["id"], (stored_job(pipeline) or {})["number"]) == ("job-2", 3)
    assert len(pipeline.fetch(later).posts) == 1
    assert pipeline.source.resumed == ["job-1", "job-2"]
    assert stored_job(pipeline) is None


@pytest.mark.parametrize("is_started_by_stand_in", [True, False])
def test_a_job_of_another_source_is_never_resumed(pipeline: Pipeline, is_started_by_stand_in: bool) -> None:
    pipeline.source.slow["20"] = 0
    pipeline.fetch(pipeline.admit("20"), is_stand_in=is_started_by_stand_in)
    pipeline.clock.advance(CLAIM_LEASE.total_seconds() + 1)

    pipeline.fetch(pipeline.admit("20"), is_stand_in=not is_started_by_stand_in)

    job = stored_job(pipeline) or {}
    assert (job["id"], job["number"], job["is_stand_in"]) == ("job-2", 1, not is_started_by_stand_in)
    assert pipeline.source.resumed == []


def test_ready_posts_are_saved_and_the_shortest_wait_is_returned(pipeline: Pipeline) -> None:
    pipeline.source.slow |= {"20": 0, "22": 0}
    job = pipeline.admit("20", "21", "22")

    result = pipeline.fetch(job)

    assert result == FetchResult(outcome=Outcome.WAIT, wait_s=10)
    assert [state for state, *_ in end_of(pipeline, job)] == [PostState.PENDING, PostState.FETCHED, PostState.PENDING]
    assert len(pipeline.fetch(job).posts) == 3
    assert pipeline.source.begun == [("20", "22")]


def test_the_path_word_of_the_pasted_url_reaches_the_scraper(pipeline: Pipeline) -> None:
    post = PostUrl(Platform.INSTAGRAM, "DVa01kXoT4s", "https://www.instagram.com/p/DVa01kXoT4s/", "reel")
    with session_scope(pipeline.engine) as session:
        (request,) = admit(
            session, pipeline.user_id, [post], execution_arn_of=lambda *_: "arn:execution", now=pipeline.clock()
        )
    job = pipeline.job_of(request)

    pipeline.fetch(job)

    assert pipeline.source.words == {"DVa01kXoT4s": "reel"}


def test_details_and_comments_of_a_post_are_saved_and_overwritten(pipeline: Pipeline) -> None:
    first = ScrapedComment("first!", author="a.b", likes=3, posted_at=pipeline.clock())
    pipeline.source.posts["20"] = scraped_post("20", details={"sound": "Caw"}, comments=[first])
    pipeline.fetched("20", "21")
    assert (comments_of(pipeline, "20"), comments_of(pipeline, "21")) == (
        [{"text": "first!", "author": "a.b", "likes": 3, "posted_at": "2026-11-23T12:00:00+00:00"}],
        None,
    )
    assert [pipeline.posts()[post_id].details for post_id in ("20", "21")] == [{"sound": "Caw"}, {}]

    pipeline.clock.advance(REUSE_FOR.total_seconds() + 1)
    second = ScrapedComment("second")
    pipeline.source.posts = {"20": scraped_post("20"), "21": scraped_post("21", comments=[second])}
    pipeline.fetched("20", "21")

    assert comments_of(pipeline, "21") == [{"text": "second", "author": None, "likes": None, "posted_at": None}]
    assert pipeline.posts()["20"].details == {}


def test_a_job_takes_the_same_number_of_statements_for_any_number_of_posts(pipeline: Pipeline) -> None:
    many = [str(number) for number in range(101, 121)]
    pipeline.source.slow = dict.fromkeys(["1", *many], 1)
    comment = ScrapedComment("first!")
    pipeline.source.posts = {id_: scraped_post(id_, comments=[comment]) for id_ in ["1", *many]}
    statements = []
    for ids in (["1"], many):
        job = pipeline.admit(*ids)
        with count_statements() as of_job:
            pipeline.fetch_until_done(job)
        statements.append([statement.split()[:3] for statement in of_job])

    assert statements[0] == statements[1]
    assert len(pipeline.source.begun) == 2


def test_the_other_posts_continue_after_one_timed_out(pipeline: Pipeline) -> None:
    pipeline.source.slow["21"] = 1_000
    pipeline.source.wait_s = 100.0
    job = pipeline.admit("20", "21")

    result, _ = pipeline.fetch_until_done(job)

    request = pipeline.read(job)
    assert result.posts == (request.posts[0].id,)
    assert request.status_history[-1].stage == Stage.SOCIAL_DATA_FETCHED
