"""POST /api/analysis/analyze/."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload
from starlette.testclient import TestClient

from tests.fakes.workflow import FakeWorkflow
from tests.functions.api.conftest import POST_URL, SignedIn
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus

PATH = "/api/analysis/analyze/"
JSON = {"Content-Type": "application/json"}
OVER_THE_LIMIT = b'{"post_urls": ["' + b"a" * 5_000_000 + b'"]}'


def x_url(number: int) -> str:
    return f"https://x.com/somebody/status/{number}"


def find_requests(rows: Session, user: SignedIn) -> list[PostAnalysisRequest]:
    rows.rollback()
    return list(
        rows.scalars(
            select(PostAnalysisRequest)
            .where(PostAnalysisRequest.user_id == user.user.id)
            .order_by(PostAnalysisRequest.platform)
            .options(selectinload(PostAnalysisRequest.posts), selectinload(PostAnalysisRequest.status_history))
        )
    )


def test_a_post_is_accepted_and_its_execution_started(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    reply = client.post(
        PATH, json={"post_urls": ["https://twitter.com/jack/status/20?s=46"]}, headers=free_user.headers
    )

    assert reply.status_code == 202
    (request,) = find_requests(rows, free_user)
    assert reply.json()["requests"] == [
        {
            "id": str(request.id),
            "platform": "x",
            "post_urls": ["https://x.com/i/status/20"],
            "handle": None,
            "handle_posts": None,
            "display_name": None,
            "status": "PENDING",
            "progress": 0,
            "attempt": 1,
            "retry_count": 0,
            "max_retries": 3,
            "error_stage": None,
            "error_category": None,
            "error": None,
            "results": None,
            "posts_processed": 0,
            "total_api_calls": 0,
            "cost_usd": 0.0,
            "duration_seconds": None,
            "created_at": request.created_at.isoformat().replace("+00:00", "Z"),
            "updated_at": request.updated_at.isoformat().replace("+00:00", "Z"),
        }
    ]
    assert workflow.started == [(request.id, 1)]
    assert request.execution_arn == workflow.execution_arn(request.id, 1)
    assert [(post.position, post.url, post.platform_post_id, post.state) for post in request.posts] == [
        (0, "https://x.com/i/status/20", "20", "PENDING")
    ]
    assert [(step.seq, step.attempt, step.stage, step.progress) for step in request.status_history] == [
        (1, 1, "request_created", 0)
    ]


def test_mixed_platforms_become_one_request_each_sorted_by_name(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    urls = [
        "https://youtu.be/dQw4w9WgXcQ",
        x_url(2),
        "https://www.instagram.com/p/C0abcdefghi/",
        x_url(1),
    ]

    accepted = client.post(PATH, json={"post_urls": urls}, headers=free_user.headers).json()["requests"]

    assert [(request["platform"], request["post_urls"]) for request in accepted] == [
        ("instagram", ["https://www.instagram.com/p/C0abcdefghi/"]),
        ("x", ["https://x.com/i/status/2", "https://x.com/i/status/1"]),
        ("youtube", ["https://www.youtube.com/watch?v=dQw4w9WgXcQ"]),
    ]
    assert workflow.started == [(uuid.UUID(request["id"]), 1) for request in accepted]
    assert [post.url for post in find_requests(rows, free_user)[1].posts] == accepted[1]["post_urls"]


def test_duplicates_count_once(client: TestClient, free_user: SignedIn) -> None:
    urls = [x_url(number) for number in range(1, 6)] + ["https://mobile.twitter.com/i/web/status/3", x_url(1)]

    reply = client.post(PATH, json={"post_urls": urls}, headers=free_user.headers)

    assert reply.status_code == 202
    assert reply.json()["requests"][0]["post_urls"] == [f"https://x.com/i/status/{number}" for number in range(1, 6)]


def test_the_rows_are_committed_before_the_execution_starts(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session
) -> None:
    seen: list[PostAnalysisRequest | None] = []
    workflow.on_start = lambda request_id: seen.append(rows.get(PostAnalysisRequest, request_id))

    client.post(PATH, json={"post_urls": [POST_URL]}, headers=free_user.headers)

    assert [request.status if request else None for request in seen] == [RequestStatus.PENDING]


def test_a_request_whose_execution_cannot_be_started_stays_pending(
    client: TestClient,
    free_user: SignedIn,
    workflow: FakeWorkflow,
    rows: Session,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    workflow.is_down = True

    reply = client.post(PATH, json={"post_urls": [POST_URL]}, headers=free_user.headers)

    assert reply.status_code == 202
    (request,) = find_requests(rows, free_user)
    assert request.status == RequestStatus.PENDING
    assert [(line["level"], line["request"]) for line in logged() if line["message"] == "execution not started"] == [
        ("WARNING", str(request.id))
    ]


NOT_JSON = "The body is not valid JSON. Send JSON encoded as UTF-8."
INVALID = "The request is not valid. Correct the fields listed in details."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", INVALID, id="nothing"),
        pytest.param(b"post_urls=a", NOT_JSON, id="a form"),
        pytest.param(b'{"post_urls": [', NOT_JSON, id="cut off"),
        pytest.param(b'{"post_urls": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", NOT_JSON, id="nested too deep"),
        pytest.param(b'{"post_urls": ["\xff"]}', NOT_JSON, id="not UTF-8"),
        pytest.param(b'{"post_urls": [' + b"9" * 10_000 + b"]}", NOT_JSON, id="endless digits"),
        pytest.param(b"null", INVALID, id="null"),
        pytest.param(b"[]", INVALID, id="a list"),
        pytest.param(b'"https://x.com/jack/status/20"', INVALID, id="a string"),
        pytest.param(b"{}", INVALID, id="no field"),
        pytest.param(b'{"post_urls": null}', INVALID, id="no list"),
        pytest.param(b'{"post_urls": "https://x.com/jack/status/20"}', INVALID, id="a string for a list"),
        pytest.param(b'{"post_urls": {"0": "https://x.com/jack/status/20"}}', INVALID, id="an object for a list"),
        pytest.param(b'{"post_urls": []}', INVALID, id="an empty list"),
        pytest.param(b'{"post_urls": [1]}', INVALID, id="a number for a URL"),
        pytest.param(b'{"post_urls": [null]}', INVALID, id="null for a URL"),
        pytest.param(b'{"post_urls": [["https://x.com/jack/status/20"]]}', INVALID, id="a list for a URL"),
        pytest.param(b'{"post_urls": [' + b"1," * 400_000 + b"1]}", INVALID, id="many numbers"),
        pytest.param(b'{"post_urls": ["https://x.com/jack/status/20"], "force": true}', INVALID, id="unknown field"),
        pytest.param(b'{"\\ud800": ["https://x.com/jack/status/20"]}', INVALID, id="half a surrogate as a field"),
    ],
)
def test_an_invalid_body_is_refused_and_nothing_is_written(
    client: TestClient, free_user: SignedIn, count_rows: Callable[[], dict[str, int]], body: bytes, message: str
) -> None:
    before = count_rows()

    reply = client.post(PATH, content=body, headers=free_user.headers | JSON)

    assert reply.status_code == 422
    error = reply.json()
    assert (error["code"], error["error"]) == ("invalid_request", message)
    assert ("details" in error) == (message == INVALID)
    assert count_rows() == before


def test_each_problem_of_an_invalid_body_is_listed(client: TestClient, free_user: SignedIn) -> None:
    reply = client.post(PATH, json={"urls": [POST_URL]}, headers=free_user.headers)

    assert reply.json()["details"] == [
        {"field": "body.urls", "problem": "Extra inputs are not permitted"},
    ]


def test_a_json_body_without_its_content_type_is_refused(client: TestClient, free_user: SignedIn) -> None:
    body = json.dumps({"post_urls": [POST_URL]}).encode()

    reply = client.post(PATH, content=body, headers=free_user.headers | {"Content-Type": "text/plain"})

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


def test_the_list_of_problems_is_bounded(client: TestClient, free_user: SignedIn) -> None:
    reply = client.post(PATH, json={f"field_{number}": 1 for number in range(1_000)}, headers=free_user.headers)

    assert len(reply.json()["details"]) == 100


@pytest.mark.parametrize(
    "content", [OVER_THE_LIMIT, [OVER_THE_LIMIT[:1_000_000]] * 5], ids=["of a known length", "in chunks"]
)
def test_a_body_of_five_megabytes_is_too_large(client: TestClient, free_user: SignedIn, content: bytes) -> None:
    reply = client.post(PATH, content=content, headers=free_user.headers | JSON)

    assert reply.status_code == 413
    assert reply.json() == {
        "error": "The body is too large; send at most 1 MiB.",
        "code": "body_too_large",
        "request_id": reply.headers["X-Request-Id"],
    }


@pytest.mark.parametrize("given", [101, 10_000])
def test_more_urls_than_any_plan_allows_are_refused_valid_or_not(
    client: TestClient, sign_in: Callable[..., SignedIn], count_rows: Callable[[], dict[str, int]], given: int
) -> None:
    business = sign_in("business")
    before = count_rows()

    reply = client.post(PATH, json={"post_urls": [POST_URL] * given}, headers=business.headers)

    assert reply.status_code == 422
    assert (reply.json()["code"], reply.json()["details"]) == ("too_many_urls", {"given": given, "max": 100})
    assert count_rows() == before


def test_a_hundred_urls_of_one_post_are_one_post(client: TestClient, free_user: SignedIn) -> None:
    reply = client.post(PATH, json={"post_urls": [POST_URL] * 100}, headers=free_user.headers)

    assert [request["post_urls"] for request in reply.json()["requests"]] == [["https://x.com/i/status/20"]]


LOOK_ALIKES = [
    ("https://x.com.evil.example/jack/status/20", "unsupported_host"),
    ("https://evil.example/?u=https://x.com/jack/status/20", "unsupported_host"),
    ("https://x.com@evil.example/jack/status/20", "userinfo"),
    ("https://х.com/jack/status/20", "non_ascii_host"),  # noqa: RUF001 - the host contains a Cyrillic letter
    ("https://1.1.1.1/jack/status/20", "ip_host"),
    ("javascript:alert(1)", "unsupported_scheme"),
    ("https://x.com:8080/jack/status/20", "bad_port"),
    ("https://x.com/jack", "not_a_post"),
    ("https://x.com/jack/status/20a", "bad_id"),
    ("", "not_a_url"),
    ("\x00", "not_a_url"),
    ("\ud800", "not_a_url"),
]


def test_every_invalid_url_is_listed_with_its_reason_and_nothing_is_written(
    client: TestClient,
    sign_in: Callable[..., SignedIn],
    workflow: FakeWorkflow,
    count_rows: Callable[[], dict[str, int]],
) -> None:
    user = sign_in("business")
    before = count_rows()
    body = json.dumps({"post_urls": [POST_URL, *(url for url, _ in LOOK_ALIKES), x_url(1)]})

    reply = client.post(PATH, content=body.encode(), headers=user.headers | JSON)

    assert reply.status_code == 422
    error = reply.json()
    assert error["code"] == "invalid_post_urls"
    assert error["error"] == "12 of 14 URLs cannot be analysed, so no analysis was started. See the reasons in details."
    assert [(problem["url"], problem["reason"]) for problem in error["details"]] == LOOK_ALIKES
    assert all(problem.keys() == {"url", "reason", "message"} and problem["message"] for problem in error["details"])
    assert count_rows() == before
    assert workflow.started == []


@pytest.mark.parametrize(("plan", "max_urls"), [("free", 5), ("pro", 20), ("business", 50)])
def test_a_plan_allows_its_number_of_urls_and_not_one_more(
    client: TestClient,
    sign_in: Callable[..., SignedIn],
    count_rows: Callable[[], dict[str, int]],
    plan: str,
    max_urls: int,
) -> None:
    user = sign_in(plan)
    urls = [x_url(number) for number in range(1, max_urls + 2)]

    allowed = client.post(PATH, json={"post_urls": urls[:max_urls]}, headers=user.headers)
    before = count_rows()
    refused = client.post(PATH, json={"post_urls": urls}, headers=user.headers)

    assert allowed.status_code == 202
    assert (refused.status_code, refused.json()["code"]) == (403, "max_urls_exceeded")
    assert refused.json()["details"] == {"given": max_urls + 1, "max_urls": max_urls, "plan": plan.capitalize()}
    assert count_rows() == before


def test_invalid_urls_are_reported_before_the_plan_is_checked(client: TestClient, free_user: SignedIn) -> None:
    urls = [*(x_url(number) for number in range(1, 11)), "https://example.com/"]

    reply = client.post(PATH, json={"post_urls": urls}, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_post_urls")


def test_without_a_plan_nothing_is_analysed(client: TestClient, sign_in: Callable[..., SignedIn]) -> None:
    user = sign_in(None)

    reply = client.post(PATH, json={"post_urls": [POST_URL]}, headers=user.headers)

    assert (reply.status_code, reply.json()["code"]) == (403, "no_current_plan")


@pytest.mark.parametrize(
    "body",
    [b"{", OVER_THE_LIMIT, b'{"post_urls": 1}', b'{"post_urls": ["https://example.com/"]}'],
    ids=["not JSON", "5 MB", "wrong type", "bad URL"],
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer garbage"}], ids=["no token", "bad token"])
def test_the_token_is_checked_before_the_body(client: TestClient, body: bytes, headers: dict[str, str]) -> None:
    reply = client.post(PATH, content=body, headers=headers | JSON)

    assert reply.status_code == 401
