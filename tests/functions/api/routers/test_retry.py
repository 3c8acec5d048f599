"""POST /api/analysis/requests/<id>/retry/."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.api.settings import ApiSettings
from tests.factories import create_media, create_post, create_request, create_status, create_usage
from tests.fakes.clock import FakeClock
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.database import count_statements
from tests.functions.api.conftest import SignedIn, replace_services
from whyviral.analysis.models import (
    AnalysisRequestPost,
    AnalysisStatus,
    PostAnalysisRequest,
    PostState,
    RequestStatus,
    Stage,
)
from whyviral.analytics.models import AppLog
from whyviral.usage.models import UserUsage

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
BROKEN: dict[str, Any] = {
    "status": RequestStatus.FAILED,
    "progress": 30,
    "error_stage": Stage.COLLECTING_MEDIA,
    "error_category": "timeout",
    "error_details": {"message": "It took too long."},
    "finished_at": NOON,
}


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    """A client for concurrent calls."""
    return settings.model_copy(update={"db_pool_size": 4})


@pytest.fixture(autouse=True)
def clock(app: FastAPI) -> FakeClock:
    clock = FakeClock(NOON)
    replace_services(app, clock=clock)
    return clock


def make_request(
    rows: Session, user: SignedIn, *, posts: int = 1, state: PostState = PostState.FAILED, **columns: Any
) -> PostAnalysisRequest:
    """Create a request with one step in its history, failed by default."""
    request = create_request(
        rows, user.user, [create_post(rows) for _ in range(posts)], state=state, **(BROKEN | columns)
    )
    create_status(rows, request, progress=request.progress)
    rows.commit()
    return request


def retry(client: TestClient, user: SignedIn, request_id: uuid.UUID, headers: dict[str, str] | None = None) -> Response:
    return client.post(f"/api/analysis/requests/{request_id}/retry/", headers=user.headers | (headers or {}))


def urls_of(rows: Session, request: PostAnalysisRequest) -> list[AnalysisRequestPost]:
    rows.rollback()
    return list(
        rows.scalars(
            select(AnalysisRequestPost)
            .where(AnalysisRequestPost.request_id == request.id)
            .order_by(AnalysisRequestPost.position),
            execution_options={"populate_existing": True},
        )
    )


def used(rows: Session, user: SignedIn) -> int:
    rows.rollback()
    return sum(rows.scalars(select(UserUsage.url_lookups).where(UserUsage.user_id == user.user.id)))


def test_retrying_a_failed_request_starts_its_next_attempt(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    request = make_request(rows, free_user, posts=2)

    reply = retry(client, free_user, request.id)

    rows.refresh(request)
    assert (reply.status_code, workflow.started) == (202, [(request.id, 2)])
    body = reply.json()
    assert {name: body[name] for name in ("id", "status", "progress", "attempt", "retry_count", "error_stage")} == {
        "id": str(request.id),
        "status": "PENDING",
        "progress": 30,
        "attempt": 2,
        "retry_count": 1,
        "error_stage": None,
    }
    assert (request.error_category, request.error_details, request.finished_at) == (None, None, None)
    assert (request.attempt_started_at, request.execution_arn) == (NOON, workflow.execution_arn(request.id, 2))
    assert used(rows, free_user) == 2
    assert [url.state for url in urls_of(rows, request)] == [PostState.COLLECTED] * 2
    step = rows.scalars(select(AnalysisStatus).where(AnalysisStatus.request_id == request.id, AnalysisStatus.seq == 2))
    assert [(told.attempt, told.stage, told.progress, told.message) for told in step] == [
        (2, Stage.RETRYING, 30, "Retrying 2 of 2 posts.")
    ]


def test_a_retry_resumes_each_post_at_its_first_unfinished_stage(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    never_fetched, lacking, dead, whole, page = posts = [create_post(rows) for _ in range(5)]
    request = create_request(rows, free_user.user, posts, state=PostState.FAILED, **BROKEN)
    rows.execute(
        update(AnalysisRequestPost)
        .where(AnalysisRequestPost.post_id == never_fetched.id)
        .values(post_id=None, error="No.", error_stage="fetching_posts", error_category="timeout", error_details={})
    )
    create_media(rows, lacking, error={"category": "timeout", "message": "Too slow."})
    create_media(rows, dead, error={"category": "media_error", "message": "Expired.", "is_link_dead": True})
    create_media(rows, dead, storage_path="x/1.jpg")
    create_media(rows, whole, storage_path="x/2.jpg")
    create_media(rows, page, kind="video", is_page=True)
    rows.commit()

    retry(client, free_user, request.id)

    urls = urls_of(rows, request)
    assert [url.state for url in urls] == ["PENDING", "FETCHED", "PENDING", "COLLECTED", "COLLECTED"]
    first = urls[0]
    assert (first.error, first.error_stage, first.error_category, first.error_details) == (None,) * 4
    events = rows.execute(
        select(AppLog.event, AppLog.details).where(AppLog.analysis_request_id == request.id).order_by(AppLog.event)
    )
    assert [tuple(event) for event in events] == [
        ("analysis_retried", {"platform": "x", "attempt": 2, "urls": 5, "partial": 0}),
        ("dead_links_refetched", {"platform": "x", "attempt": 2, "urls": 1}),
    ]
    message = rows.scalars(select(AnalysisStatus.message).where(AnalysisStatus.request_id == request.id)).one()
    assert message == (
        "Retrying 5 of 5 posts. Media links of 1 of them have expired, so those posts are fetched again."
    )


def test_a_retry_after_partial_success_repeats_only_missing_posts_and_charges_nothing_twice(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    request = make_request(
        rows, free_user, posts=3, state=PostState.ANALYSED, status=RequestStatus.COMPLETED, progress=100
    )
    whole, partial, failed = urls_of(rows, request)
    partial.is_partial = True
    failed.state = PostState.FAILED
    rows.commit()

    reply = retry(client, free_user, request.id)

    assert (reply.status_code, reply.json()["progress"]) == (202, 100)
    assert [(url.id, url.state, url.is_partial) for url in urls_of(rows, request)] == [
        (whole.id, PostState.ANALYSED, False),
        (partial.id, PostState.COLLECTED, True),
        (failed.id, PostState.COLLECTED, False),
    ]
    assert used(rows, free_user) == 1


def test_retrying_a_partial_analysis_is_free(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    request = make_request(rows, free_user, state=PostState.ANALYSED, status=RequestStatus.COMPLETED)
    urls_of(rows, request)[0].is_partial = True
    create_usage(rows, free_user.user, url_lookups=10)
    rows.commit()

    assert retry(client, free_user, request.id).status_code == 202
    assert used(rows, free_user) == 10


RUNNING = "analysis_still_running", "This analysis is still running. Retry it after it has ended."
COMPLETE = "analysis_complete", "This analysis is complete. There is nothing to retry."
USED_UP = "retries_used_up", "No retries left; start a new analysis."
DONE = {"status": RequestStatus.COMPLETED}


@pytest.mark.parametrize(
    ("state", "columns", "refusal"),
    [
        (PostState.PENDING, {"status": "PENDING"}, RUNNING),
        (PostState.COLLECTED, {"status": "PROCESSING"}, RUNNING),
        (PostState.COLLECTED, {"status": "PROCESSING", "retry_count": 3}, RUNNING),
        (PostState.ANALYSED, DONE, COMPLETE),
        (PostState.ANALYSED, DONE | {"retry_count": 3}, COMPLETE),
        (PostState.FAILED, {"retry_count": 3}, USED_UP),
    ],
)
def test_a_request_that_cannot_be_retried_says_why_and_stays_unchanged(
    client: TestClient,
    free_user: SignedIn,
    workflow: FakeWorkflow,
    rows: Session,
    count_rows: Callable[[], dict[str, int]],
    state: PostState,
    columns: dict[str, Any],
    refusal: tuple[str, str],
) -> None:
    request = make_request(rows, free_user, state=state, **columns)
    before = count_rows()

    reply = retry(client, free_user, request.id)

    error = reply.json()
    assert (reply.status_code, error["code"], error["error"]) == (409, *refusal)
    assert error["details"] == {"retry_count": request.retry_count, "max_retries": 3}
    assert error["analysis_request_id"] == str(request.id)
    assert {table: number for table, number in count_rows().items() if table != "rate_windows"} == {
        table: number for table, number in before.items() if table != "rate_windows"
    }
    assert ([url.state for url in urls_of(rows, request)], workflow.started) == ([state], [])


def test_the_third_retry_is_the_last(client: TestClient, sign_in: Callable[..., SignedIn], rows: Session) -> None:
    user = sign_in("business")
    request = make_request(rows, user, retry_count=2, attempt=3)

    first = retry(client, user, request.id)
    rows.execute(update(PostAnalysisRequest).where(PostAnalysisRequest.id == request.id).values(status="FAILED"))
    rows.commit()

    assert (first.status_code, first.json()["retry_count"]) == (202, 3)
    assert retry(client, user, request.id).json()["code"] == "retries_used_up"


def test_a_retry_refused_by_the_plan_changes_nothing(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    request = make_request(rows, free_user, posts=3)
    create_usage(rows, free_user.user, url_lookups=8)
    rows.commit()

    reply = retry(client, free_user, request.id)

    assert (reply.status_code, reply.json()["code"]) == (403, "usage_limit_reached")
    assert reply.json()["details"]["requested"] == 3
    rows.refresh(request)
    assert (request.status, request.attempt, request.retry_count) == (RequestStatus.FAILED, 1, 0)
    assert [url.state for url in urls_of(rows, request)] == [PostState.FAILED] * 3
    assert (used(rows, free_user), workflow.started) == (8, [])


def test_retries_and_analyses_share_one_rate_limit(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    request = make_request(rows, free_user)
    for _ in range(19):
        client.post(
            "/api/analysis/analyze/", json={"post_urls": ["https://x.com/i/status/1"]}, headers=free_user.headers
        )

    allowed, refused = retry(client, free_user, request.id), retry(client, free_user, request.id)

    assert (allowed.headers["RateLimit"], refused.status_code) == ('"analysis";r=0;t=3600', 429)
    assert refused.json()["code"] == "rate_limited"


def test_a_retry_whose_execution_cannot_be_started_is_accepted(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    request = make_request(rows, free_user)
    workflow.is_down = True

    reply = retry(client, free_user, request.id)

    rows.refresh(request)
    assert (reply.status_code, request.status, request.attempt) == (202, RequestStatus.PENDING, 2)


def test_a_repeated_key_repeats_the_answer_and_not_the_retry(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    request = make_request(rows, free_user)
    other = make_request(rows, free_user)

    first, again = retry(client, free_user, request.id, KEY), retry(client, free_user, request.id, KEY)

    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert workflow.started == [(request.id, 2)]
    assert retry(client, free_user, other.id, KEY).json()["code"] == "idempotency_key_reused"


def test_twenty_concurrent_retries_start_one_attempt_and_count_once(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    request = make_request(rows, free_user, posts=3)

    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: retry(client, free_user, request.id), range(20)))

    assert sorted(reply.status_code for reply in replies) == [202] + [409] * 19
    assert workflow.started == [(request.id, 2)]
    assert used(rows, free_user) == 3
    rows.refresh(request)
    assert (request.attempt, request.retry_count, request.status_seq) == (2, 1, 2)


def test_a_retry_needs_the_same_few_statements_for_one_post_and_for_twenty(
    client: TestClient, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    user = sign_in("business")
    needed = []
    for number, posts in enumerate((1, 1, 20)):  # the first call opens the connection
        request = make_request(rows, user, posts=posts)
        with count_statements() as statements:
            reply = retry(client, user, request.id, {"Idempotency-Key": f"key-{number}"})
        assert reply.status_code == 202
        needed.append(len(statements))

    assert needed[1] == needed[2] <= 12, statements
