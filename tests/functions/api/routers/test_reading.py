"""The routes that only read: requests, one request, its posts."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_analysis, create_media, create_post, create_request, create_status
from tests.fixtures.database import count_statements
from tests.functions.api.conftest import BASE_URL, POST_URL, SignedIn
from whyviral.analysis.models import PostAnalysisRequest, PostState, RequestStatus

LIST = "/api/analysis/requests/"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


TIMELINE = {
    "version": 1,
    "cuts_s": [1.5],
    "watched_s": 7.5,
    "levels_dbfs": [-20.0, -90.0],
    "level_step_s": 3.75,
    "voices": [{"from_s": 0.5, "to_s": 3.0}],
}


def detail(request_id: uuid.UUID) -> str:
    return f"{LIST}{request_id}/"


def posts_of(request_id: uuid.UUID) -> str:
    return f"/api/social/posts/analysis/{request_id}/"


def create_requests(rows: Session, user: SignedIn, number: int) -> list[PostAnalysisRequest]:
    """Create requests a minute apart. Return them newest first."""
    requests = [
        create_request(rows, user.user, created_at=NOON - timedelta(minutes=minutes)) for minutes in range(number)
    ]
    rows.commit()
    return requests


def create_whole_request(rows: Session, user: SignedIn, *, posts: int) -> PostAnalysisRequest:
    """Create a request with all its parts: posts with media, history and analyses."""
    fetched = [create_post(rows) for _ in range(posts)]
    request = create_request(rows, user.user, fetched, state=PostState.ANALYSED)
    for post in fetched:
        create_media(rows, post)
        create_status(rows, request)
        create_analysis(rows, request, post)
    rows.commit()
    return request


def test_a_new_user_has_no_requests(client: TestClient, free_user: SignedIn) -> None:
    reply = client.get(LIST, headers=free_user.headers)

    assert reply.status_code == 200
    assert reply.json() == {"count": 0, "next": None, "previous": None, "results": []}


def test_twenty_rows_fill_a_page(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    create_requests(rows, free_user, 20)

    page = client.get(LIST, headers=free_user.headers).json()

    assert (page["count"], len(page["results"]), page["next"]) == (20, 20, None)


def test_the_twenty_first_row_is_on_page_two_and_links_start_at_the_public_address(
    client: TestClient, free_user: SignedIn, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    create_requests(rows, sign_in(), 1)
    requests = create_requests(rows, free_user, 21)

    first = client.get(LIST, headers=free_user.headers).json()
    second = client.get(LIST, params={"page": 2}, headers=free_user.headers).json()

    assert [row["id"] for row in first.pop("results")] == [str(request.id) for request in requests[:20]]
    assert first == {"count": 21, "next": f"{BASE_URL}/api/analysis/requests/?page=2", "previous": None}
    assert [row["id"] for row in second.pop("results")] == [str(requests[20].id)]
    assert second == {"count": 21, "next": None, "previous": f"{BASE_URL}/api/analysis/requests/?page=1"}


@pytest.mark.parametrize("page", ["0", "-1", "abc", "1.5", "1.0", "1_000", "%2B1", "%201", "", "10001", "9" * 5_000])
def test_an_invalid_page_number_is_refused(client: TestClient, free_user: SignedIn, page: str) -> None:
    reply = client.get(f"{LIST}?page={page}", headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


def test_a_page_after_the_last_one_is_empty(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    create_requests(rows, free_user, 1)

    page = client.get(LIST, params={"page": 10_000}, headers=free_user.headers).json()

    assert page == {"count": 1, "next": None, "previous": f"{BASE_URL}{LIST}?page=9999", "results": []}


def test_a_request_is_shown_with_its_history_its_urls_and_its_analyses(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    request = create_whole_request(rows, free_user, posts=2)
    request.status = RequestStatus.COMPLETED
    request.cost_usd = Decimal("0.012345")
    request.duration_seconds = Decimal("12.5")
    rows.commit()

    reply = client.get(detail(request.id), headers=free_user.headers)

    assert reply.status_code == 200
    body = reply.json()
    assert (body["status"], body["cost_usd"], body["duration_seconds"]) == ("COMPLETED", 0.012345, 12.5)
    assert [(step["seq"], step["stage"], step["progress"]) for step in body["status_history"]] == [
        (1, "fetching_posts", 10),
        (2, "fetching_posts", 10),
    ]
    assert [post["url"] for post in body["posts"]] == request.post_urls
    assert [post["state"] for post in body["posts"]] == ["ANALYSED", "ANALYSED"]
    assert {analysis["post_id"] for analysis in body["post_analyses"]} == {post["post_id"] for post in body["posts"]}
    assert body["post_analyses"][0].keys() == {
        "id",
        "post_id",
        "metrics",
        "is_viral",
        "virality_reasoning",
        "quick_takeaways",
        "creator_context",
        "content_observation",
        "replicable_elements",
        "viral_formula",
        "improvements",
        "suggestions_for_future_posts",
        "analysis_data",
        "metadata_used",
        "suggestions",
        "created_at",
    }


def test_a_failed_request_shows_its_reason_without_internal_details(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    request = create_request(
        rows,
        free_user.user,
        status=RequestStatus.FAILED,
        error_stage="fetching_posts",
        error_category="not_found",
        error_details={"message": "There is no such post.", "provider": "twitterapi", "status": 404},
    )
    rows.commit()

    body = client.get(detail(request.id), headers=free_user.headers).json()

    assert (body["status"], body["error_stage"], body["error_category"], body["error"]) == (
        "FAILED",
        "fetching_posts",
        "not_found",
        "There is no such post.",
    )
    assert "error_details" not in body


def test_posts_are_listed_in_the_order_of_their_urls_with_their_media(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    first, second = create_post(rows), create_post(rows, transcript="Hello.")
    create_media(rows, second, kind="video", has_speech=True, duration_s=Decimal("7.5"), transcript="Hello.")
    create_media(rows, second, kind="image")
    request = create_request(rows, free_user.user, [second, first])
    rows.commit()

    reply = client.get(posts_of(request.id), headers=free_user.headers)

    assert reply.status_code == 200
    results: list[dict[str, Any]] = reply.json()["results"]
    assert [post["id"] for post in results] == [str(second.id), str(first.id)]
    assert [post["has_speech"] for post in results] == [True, None]
    assert (results[0]["url"], results[0]["username"], results[0]["transcript"]) == (second.url, "jack", "Hello.")
    assert [(medium["kind"], medium["duration_s"], medium["has_speech"]) for medium in results[0]["media"]] == [
        ("video", 7.5, True),
        ("image", None, None),
    ]
    assert "raw" not in results[0]


def test_a_medium_is_shown_with_all_its_findings(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    post = create_post(rows, details={"title": "A kite"})
    create_media(
        rows,
        post,
        kind="video",
        content_type="video/mp4",
        storage_path="x/1/a.mp4",
        supabase_url="https://store/x/1/a.mp4",
        thumbnail_url="https://store/x/1/t.jpg",
        width=720,
        height=1280,
        transcript="Hello.",
        transcript_source="whisper",
        frames=[{"at_s": 1.5, "path": "x/1/f.jpg", "url": "https://store/x/1/f.jpg"}],
        measurements={"duration_s": 7.5, "timeline": TIMELINE},
        error={"category": "media_error", "message": "Its sound is broken."},
    )
    request = create_request(rows, free_user.user, [post])
    rows.commit()

    (shown,) = client.get(posts_of(request.id), headers=free_user.headers).json()["results"]

    (medium,) = shown["media"]
    medium.pop("id")
    assert shown["details"] == {"title": "A kite"}
    assert medium == {
        "kind": "video",
        "content_type": "video/mp4",
        "supabase_url": "https://store/x/1/a.mp4",
        "thumbnail_url": "https://store/x/1/t.jpg",
        "width": 720,
        "height": 1280,
        "duration_s": None,
        "has_speech": None,
        "language": None,
        "transcript": "Hello.",
        "transcript_source": "whisper",
        "transcript_truncated": False,
        "frames": [{"at_s": 1.5, "url": "https://store/x/1/f.jpg"}],
        "timeline": TIMELINE,
        "error": "Its sound is broken.",
    }


@pytest.mark.parametrize(
    ("measurements", "timeline"),
    [
        (None, None),
        ({"duration_s": 7.5}, None),
        ({"timeline": {"version": 1, "voices": []}}, dict.fromkeys(TIMELINE) | {"version": 1, "voices": []}),
    ],
)
def test_a_timeline_is_null_in_every_part_that_was_not_measured(
    measurements: dict[str, Any] | None,
    timeline: dict[str, Any] | None,
    client: TestClient,
    free_user: SignedIn,
    rows: Session,
) -> None:
    post = create_post(rows)
    create_media(rows, post, measurements=measurements)
    request = create_request(rows, free_user.user, [post])
    rows.commit()

    (shown,) = client.get(posts_of(request.id), headers=free_user.headers).json()["results"]

    assert [medium["timeline"] for medium in shown["media"]] == [timeline]


def test_posts_are_paginated(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    request = create_whole_request(rows, free_user, posts=21)

    second = client.get(posts_of(request.id), params={"page": 2}, headers=free_user.headers).json()

    assert [post["url"] for post in second.pop("results")] == [request.post_urls[20]]
    assert second == {"count": 21, "next": None, "previous": f"{BASE_URL}{posts_of(request.id)}?page=1"}


@pytest.mark.parametrize("path_of", [detail, posts_of])
def test_rows_of_another_user_are_not_found(
    client: TestClient,
    free_user: SignedIn,
    sign_in: Callable[..., SignedIn],
    rows: Session,
    path_of: Callable[[uuid.UUID], str],
) -> None:
    theirs = create_whole_request(rows, sign_in(), posts=1).id
    nobodys = uuid.uuid4()

    replies = [client.get(path_of(request_id), headers=free_user.headers) for request_id in (theirs, nobodys)]

    assert [reply.status_code for reply in replies] == [404, 404]
    assert [reply.json()["error"] for reply in replies] == [
        f"There is no analysis request {request_id}. Check the id, or list your requests."
        for request_id in (theirs, nobodys)
    ]
    assert replies[0].json()["code"] == "analysis_request_not_found"


@pytest.mark.parametrize("path", [f"{LIST}not-an-id/", "/api/social/posts/analysis/not-an-id/"])
def test_an_id_that_is_not_a_uuid_is_refused(client: TestClient, free_user: SignedIn, path: str) -> None:
    reply = client.get(path, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


def test_no_route_needs_more_statements_for_twenty_rows_than_for_one(
    client: TestClient, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    needed: dict[str, list[int]] = {"list": [], "detail": [], "posts": []}
    for number in (1, 20):
        user = sign_in()
        request = create_whole_request(rows, user, posts=number)
        create_requests(rows, user, number - 1)
        client.get(LIST, headers=user.headers)  # opens the connection
        for name, path in (("list", LIST), ("detail", detail(request.id)), ("posts", posts_of(request.id))):
            with count_statements() as statements:
                reply = client.get(path, headers=user.headers)
            assert reply.status_code == 200
            needed[name].append(len(statements))

    # A first read of the detail also records that the posts were viewed.
    assert needed == {"list": [2, 2], "detail": [3, 3], "posts": [3, 3]}


def test_analyze_needs_as_many_statements_for_fifty_urls_as_for_one(
    client: TestClient, sign_in: Callable[..., SignedIn]
) -> None:
    user = sign_in("business")
    client.get(LIST, headers=user.headers)  # opens the connection
    needed = []
    for urls in ([POST_URL], [f"https://x.com/jack/status/{number}" for number in range(1, 51)]):
        with count_statements() as statements:
            reply = client.post("/api/analysis/analyze/", json={"post_urls": urls}, headers=user.headers)
        assert reply.status_code == 202
        needed.append(len(statements))

    assert needed == [7, 7]
