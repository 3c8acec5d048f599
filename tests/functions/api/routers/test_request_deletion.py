"""Deletion of a request: its content is gone for its user, and what was used and paid stays counted."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import (
    create_activity,
    create_analysis,
    create_media,
    create_note,
    create_post,
    create_request,
    create_reservation,
    create_status,
    create_usage,
)
from tests.functions.api.conftest import SignedIn
from whyviral.analysis.models import (
    AnalysisRequestPost,
    AnalysisStatus,
    PostAnalysis,
    PostAnalysisRequest,
    PostState,
    RequestStatus,
)
from whyviral.analytics.models import AppLog
from whyviral.core.clock import utc_now
from whyviral.notes.models import AnalysisNote
from whyviral.social.models import Post, PostMedia, UserPostActivity
from whyviral.usage.models import UsageReservation, UserUsage
from whyviral.vendor_calls.models import ExternalApiCallLog

LIST = "/api/analysis/requests/"


@pytest.fixture
def create_ended_request(rows: Session) -> Callable[..., PostAnalysisRequest]:
    """Return a function that creates a completed request of a user with everything that depends on it."""

    def create(user: SignedIn, post: Post | None = None) -> PostAnalysisRequest:
        post = post or create_post(rows)
        create_media(rows, post)
        request = create_request(
            rows,
            user.user,
            [post],
            state=PostState.ANALYSED,
            status=RequestStatus.COMPLETED,
            display_name="jack: just setting up my twttr",
            cost_usd=Decimal("0.012345"),
        )
        create_status(rows, request)
        create_note(rows, user.user, create_analysis(rows, request, post))
        create_reservation(rows, request)
        rows.add(
            ExternalApiCallLog(
                provider="gemini",
                operation="POST",
                started_at=utc_now(),
                is_stand_in=False,
                analysis_request_id=request.id,
                cost_usd=Decimal("0.012345"),
            )
        )
        rows.commit()
        return request

    return create


def delete(client: TestClient, user: SignedIn, request_id: uuid.UUID) -> tuple[int, str | None]:
    reply = client.delete(f"{LIST}{request_id}/", headers=user.headers)
    return reply.status_code, reply.json()["code"] if reply.content else None


def test_a_deleted_request_is_not_found_by_any_route(
    client: TestClient, free_user: SignedIn, create_ended_request: Callable[..., PostAnalysisRequest]
) -> None:
    request = create_ended_request(free_user)
    kept = create_ended_request(free_user)

    assert delete(client, free_user, request.id) == (204, None)

    requests = client.get(LIST, headers=free_user.headers).json()
    assert [found["id"] for found in requests["results"]] == [str(kept.id)]
    for method, path in (
        ("GET", f"{LIST}{request.id}/"),
        ("GET", f"{LIST}{request.id}/events/"),
        ("GET", f"/api/social/posts/analysis/{request.id}/"),
        ("POST", f"{LIST}{request.id}/retry/"),
        ("DELETE", f"{LIST}{request.id}/"),
    ):
        reply = client.request(method, path, headers=free_user.headers)
        assert (reply.status_code, reply.json()["code"]) == (404, "analysis_request_not_found"), (method, path)


def test_a_deletion_removes_what_the_request_found(
    client: TestClient, free_user: SignedIn, create_ended_request: Callable[..., PostAnalysisRequest], rows: Session
) -> None:
    request = create_ended_request(free_user)

    delete(client, free_user, request.id)

    rows.expire_all()
    for part in (AnalysisRequestPost, AnalysisStatus, PostAnalysis):
        assert rows.scalar(select(func.count()).where(part.request_id == request.id)) == 0
    assert rows.scalar(select(func.count()).where(AnalysisNote.user_id == free_user.user.id)) == 0
    assert (request.post_urls, request.display_name, request.error_details) == ([], None, None)
    event = rows.scalars(select(AppLog).where(AppLog.user_id == free_user.user.id)).one()
    assert (event.event, event.details) == ("analysis_deleted", {"platform": "x", "attempt": 1})


def test_a_deletion_keeps_usage_costs_and_public_posts(
    client: TestClient, free_user: SignedIn, create_ended_request: Callable[..., PostAnalysisRequest], rows: Session
) -> None:
    post = create_post(rows)
    create_usage(rows, free_user.user, url_lookups=1)
    request = create_ended_request(free_user, post)

    delete(client, free_user, request.id)

    rows.expire_all()
    assert request.cost_usd == Decimal("0.012345")
    assert rows.scalar(select(UserUsage.url_lookups).where(UserUsage.user_id == free_user.user.id)) == 1
    assert rows.scalar(select(func.count()).where(UsageReservation.request_id == request.id)) == 1
    assert rows.scalar(select(func.count()).where(ExternalApiCallLog.analysis_request_id == request.id)) == 1
    assert rows.scalar(select(func.count()).where(Post.id == post.id)) == 1
    assert rows.scalar(select(func.count()).where(PostMedia.post_id == post.id)) == 1


def test_a_request_of_another_user_for_the_same_post_is_unchanged(
    client: TestClient,
    free_user: SignedIn,
    sign_in: Callable[..., SignedIn],
    create_ended_request: Callable[..., PostAnalysisRequest],
    rows: Session,
) -> None:
    post = create_post(rows)
    other = sign_in()
    theirs = create_ended_request(other, post)
    before = client.get(f"{LIST}{theirs.id}/", headers=other.headers).json()
    mine = create_ended_request(free_user, post)

    delete(client, free_user, mine.id)

    assert client.get(f"{LIST}{theirs.id}/", headers=other.headers).json() == before
    assert client.get(f"/api/social/posts/analysis/{theirs.id}/", headers=other.headers).json()["count"] == 1


def test_activities_are_deleted_unless_another_request_of_the_user_contains_the_post(
    client: TestClient, free_user: SignedIn, create_ended_request: Callable[..., PostAnalysisRequest], rows: Session
) -> None:
    post = create_post(rows)
    create_activity(rows, free_user.user, post)
    first, second = create_ended_request(free_user, post), create_ended_request(free_user, post)
    own = select(func.count()).where(UserPostActivity.user_id == free_user.user.id)

    delete(client, free_user, first.id)
    after_first = rows.scalar(own)
    rows.rollback()
    delete(client, free_user, second.id)

    assert (after_first, rows.scalar(own)) == (1, 0)


@pytest.mark.parametrize("status", [RequestStatus.PENDING, RequestStatus.PROCESSING])
def test_a_running_request_cannot_be_deleted(
    client: TestClient, free_user: SignedIn, rows: Session, status: RequestStatus
) -> None:
    request = create_request(rows, free_user.user, [create_post(rows)], status=status)
    rows.commit()

    assert delete(client, free_user, request.id) == (409, "analysis_still_running")
    assert client.get(f"{LIST}{request.id}/", headers=free_user.headers).status_code == 200


def test_another_users_request_cannot_be_deleted(
    client: TestClient,
    free_user: SignedIn,
    sign_in: Callable[..., SignedIn],
    create_ended_request: Callable[..., PostAnalysisRequest],
) -> None:
    other = sign_in()
    request = create_ended_request(other)

    assert delete(client, free_user, request.id) == (404, "analysis_request_not_found")
    assert client.get(f"{LIST}{request.id}/", headers=other.headers).status_code == 200


def test_a_deletion_and_a_retry_at_once_leave_a_running_or_a_deleted_request(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    request = create_request(
        rows, free_user.user, [create_post(rows)], state=PostState.FAILED, status=RequestStatus.FAILED
    )
    rows.commit()
    start = threading.Barrier(2)

    def call(method: str, path: str) -> int:
        start.wait()
        return client.request(method, path, headers=free_user.headers).status_code

    with ThreadPoolExecutor(2) as pool:
        deletion = pool.submit(call, "DELETE", f"{LIST}{request.id}/")
        retry = pool.submit(call, "POST", f"{LIST}{request.id}/retry/")
        statuses = (deletion.result(), retry.result())

    rows.expire_all()
    assert (*statuses, request.deleted_at is not None, request.status) in [
        (204, 404, True, RequestStatus.FAILED),
        (409, 202, False, RequestStatus.PENDING),
    ]
