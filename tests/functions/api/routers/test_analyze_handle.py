"""POST /api/analysis/analyze/ with a handle."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.fakes.workflow import FakeWorkflow
from tests.functions.api.conftest import POST_URL, SignedIn
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.usage.models import UserUsage

PATH = "/api/analysis/analyze/"
HANDLE = {"handle": "@jack", "platform": "x", "posts": 2}
WRONG_SHAPES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a handle and URLs": {**HANDLE, "post_urls": [POST_URL]},
    "a platform without a handle": {"post_urls": [POST_URL], "platform": "x"},
    "a number of posts without a handle": {"post_urls": [POST_URL], "posts": 2},
    "no posts": {**HANDLE, "posts": 0},
    "six posts": {**HANDLE, "posts": 6},
    "a number in words": {**HANDLE, "posts": "2"},
    "an unknown platform": {**HANDLE, "platform": "mastodon"},
    "an empty handle": {**HANDLE, "handle": ""},
    "a number as a handle": {**HANDLE, "handle": 7},
    "a very long handle": {**HANDLE, "handle": "a" * 3000},
    "null": {"handle": None, "post_urls": None},
}
WRONG_HANDLES = [
    {"handle": "@jack"},
    {"handle": "@not a handle", "platform": "x"},
    {"handle": "https://x.com/jack/status/20"},
    {"handle": "https://example.com/jack"},
    {"handle": "https://x.com/jack", "platform": "youtube"},
    {"handle": "explore", "platform": "instagram"},
]


def usage_of(rows: Session, user: SignedIn) -> list[tuple[str, int, int]]:
    rows.rollback()
    own = select(UserUsage).where(UserUsage.user_id == user.user.id)
    return [(row.platform, row.url_lookups, row.handle_analyses) for row in rows.scalars(own)]


def test_a_handle_is_accepted_as_one_request_without_urls_and_started(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    reply = client.post(PATH, json=HANDLE, headers=free_user.headers)

    assert reply.status_code == 202
    (accepted,) = reply.json()["requests"]
    assert {name: accepted[name] for name in ("platform", "post_urls", "handle", "handle_posts", "display_name")} == {
        "platform": "x",
        "post_urls": [],
        "handle": "jack",
        "handle_posts": 2,
        "display_name": "@jack",
    }
    (request,) = rows.scalars(select(PostAnalysisRequest).where(PostAnalysisRequest.user_id == free_user.user.id))
    assert workflow.started == [(request.id, 1)]
    assert usage_of(rows, free_user) == [("x", 2, 1)]


def test_a_profile_url_names_the_platform_and_three_posts_are_the_default(
    client: TestClient, free_user: SignedIn
) -> None:
    reply = client.post(PATH, json={"handle": "https://www.youtube.com/@kites"}, headers=free_user.headers)

    (accepted,) = reply.json()["requests"]
    assert (accepted["platform"], accepted["handle"], accepted["handle_posts"]) == ("youtube", "kites", 3)


@pytest.mark.parametrize("body", WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_a_body_of_the_wrong_shape_is_refused_and_counts_nothing(
    client: TestClient, free_user: SignedIn, count_rows: Callable[[], dict[str, int]], body: dict[str, Any]
) -> None:
    before = count_rows()

    reply = client.post(PATH, json=body, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert count_rows() == before


@pytest.mark.parametrize("body", WRONG_HANDLES, ids=[str(number) for number in range(len(WRONG_HANDLES))])
def test_a_handle_of_the_wrong_shape_is_refused_with_what_to_do(
    client: TestClient, free_user: SignedIn, count_rows: Callable[[], dict[str, int]], body: dict[str, Any]
) -> None:
    before = count_rows()

    reply = client.post(PATH, json=body, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_handle")
    assert len(reply.json()["error"]) > 20
    assert count_rows() == before


def test_a_second_handle_of_a_free_user_is_refused_and_counts_nothing(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    client.post(PATH, json=HANDLE, headers=free_user.headers)

    reply = client.post(PATH, json=HANDLE | {"handle": "@jill"}, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (403, "usage_limit_reached")
    assert reply.json()["details"] | {"resets_at": ""} == {
        "platform": "x",
        "limit": 1,
        "used": 1,
        "requested": 1,
        "resets_at": "",
    }
    assert usage_of(rows, free_user) == [("x", 2, 1)]


def test_a_repeated_call_with_the_same_key_counts_one_handle(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    headers = free_user.headers | {"Idempotency-Key": "same"}

    first, second = (client.post(PATH, json=HANDLE, headers=headers) for _ in range(2))

    assert first.json() == second.json()
    assert usage_of(rows, free_user) == [("x", 2, 1)]


def test_a_handle_without_a_token_is_refused(client: TestClient) -> None:
    assert client.post(PATH, json=HANDLE).status_code == 401
