"""The routes by which a user follows up a suggestion."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_analysis, create_post, create_request, create_suggestion
from tests.functions.api.conftest import SignedIn
from whyviral.analysis.models import AnalysisRequestPost
from whyviral.analysis.suggestions.models import Suggestion

NEW_URL = "https://x.com/i/status/777000000000000001"
VERDICT = {
    "is_viral": True,
    "rule": "v0.1",
    "score": 0.75,
    "threshold": 0.5,
    "n": 0,
    "confidence": "low",
    "reasons": [],
}


def path_of(suggestion_id: uuid.UUID) -> str:
    return f"/api/analysis/suggestions/{suggestion_id}/done/"


@pytest.fixture
def create_owned(rows: Session) -> Callable[[SignedIn], Suggestion]:
    """Return a function that creates a suggestion for a new post of a user."""

    def create(user: SignedIn) -> Suggestion:
        post = create_post(rows)
        suggestion = create_suggestion(rows, create_analysis(rows, create_request(rows, user.user, [post]), post))
        rows.commit()
        return suggestion

    return create


@pytest.fixture
def suggestion(free_user: SignedIn, create_owned: Callable[[SignedIn], Suggestion]) -> Suggestion:
    """A suggestion for the user."""
    return create_owned(free_user)


def shown(client: TestClient, user: SignedIn, suggestion: Suggestion, rows: Session) -> dict[str, Any]:
    """Return the suggestion in the detail of its request."""
    analysis = rows.get_one(Suggestion, suggestion.id).post_analysis_id
    listed = client.get("/api/analysis/requests/", headers=user.headers).json()["results"]
    details = [client.get(f"/api/analysis/requests/{each['id']}/", headers=user.headers).json() for each in listed]
    (found,) = [
        each
        for detail in details
        for one in detail["post_analyses"]
        if one["id"] == str(analysis)
        for each in one["suggestions"]
    ]
    return dict(found)


def test_a_suggestion_is_marked_and_its_new_post_reported_beside_it(
    client: TestClient, free_user: SignedIn, suggestion: Suggestion, rows: Session
) -> None:
    marked = client.post(path_of(suggestion.id), json={"url": NEW_URL + "?s=20"}, headers=free_user.headers)

    assert marked.status_code == 200
    follow_up = {"url": NEW_URL, "done_at": marked.json()["follow_up"]["done_at"], "result": None}
    assert marked.json() == {"id": str(suggestion.id), "position": 1, "text": "One", "follow_up": follow_up}

    new_post = create_post(rows, platform_post_id=NEW_URL.rsplit("/", 1)[1], url=NEW_URL)
    request = create_request(rows, free_user.user, [new_post])
    entry = rows.query(AnalysisRequestPost).filter_by(request_id=request.id).one()
    ratio = {"id": "F2", "name": "outlier_ratio", "value": 4.5, "unit": "times", "source": "x", "is_quotation": False}
    entry.measured = {
        "facts": [ratio],
        "verdict": VERDICT,
        "not_observable": [],
        "measured_at": "2026-11-28T12:00:00+00:00",
    }
    rows.commit()

    assert shown(client, free_user, suggestion, rows)["follow_up"]["result"] == {
        "request_id": str(request.id),
        "post_id": str(new_post.id),
        "measured_at": "2026-11-28T12:00:00Z",
        "is_viral": True,
        "score": 0.75,
        "score_change": 0.75,
        "outlier_ratio": 4.5,
        "outlier_ratio_change": None,
    }


def test_a_mark_is_undone(client: TestClient, free_user: SignedIn, suggestion: Suggestion, rows: Session) -> None:
    client.post(path_of(suggestion.id), json={"url": NEW_URL}, headers=free_user.headers)

    replies = [client.delete(path_of(suggestion.id), headers=free_user.headers) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [204, 204]
    assert shown(client, free_user, suggestion, rows)["follow_up"] is None


@pytest.mark.parametrize(
    ("url", "code", "reason"),
    [
        ("https://evil.example/i/status/21", "invalid_follow_up_url", "unsupported_host"),
        ("javascript:alert(1)", "invalid_follow_up_url", None),
        ("https://x.com/jack", "invalid_follow_up_url", "not_a_post"),
    ],
)
def test_a_url_that_names_no_post_is_refused_with_the_reason(
    url: str, code: str, reason: str | None, client: TestClient, free_user: SignedIn, suggestion: Suggestion
) -> None:
    reply = client.post(path_of(suggestion.id), json={"url": url}, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, code)
    (problem,) = reply.json()["details"]
    assert (problem["url"], problem["message"]) == (url, reply.json()["error"])
    assert reason in (None, problem["reason"])


def test_the_original_post_is_refused(
    client: TestClient, free_user: SignedIn, suggestion: Suggestion, rows: Session
) -> None:
    analysis = client.get("/api/analysis/requests/", headers=free_user.headers).json()["results"][0]

    reply = client.post(path_of(suggestion.id), json={"url": analysis["post_urls"][0]}, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "follow_up_is_original")


@pytest.mark.parametrize("body", [{}, {"url": ""}, {"url": 7}, {"url": NEW_URL, "done_at": "now"}, [], None])
def test_a_bad_body_is_refused(
    body: Any, client: TestClient, free_user: SignedIn, suggestion: Suggestion, rows: Session
) -> None:
    reply = client.post(path_of(suggestion.id), json=body, headers=free_user.headers)

    assert reply.status_code == 422
    assert shown(client, free_user, suggestion, rows)["follow_up"] is None


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_suggestion_of_another_user_is_not_found(
    method: str,
    client: TestClient,
    free_user: SignedIn,
    sign_in: Callable[..., SignedIn],
    create_owned: Callable[[SignedIn], Suggestion],
    rows: Session,
) -> None:
    owner = sign_in()
    theirs = create_owned(owner)
    body = {"url": NEW_URL} if method == "POST" else None

    for suggestion_id in (theirs.id, uuid.uuid4()):
        reply = client.request(method, path_of(suggestion_id), json=body, headers=free_user.headers)
        assert (reply.status_code, reply.json()["code"]) == (404, "suggestion_not_found")

    assert shown(client, owner, theirs, rows)["follow_up"] is None


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_without_a_token_nothing_is_marked(method: str, client: TestClient, suggestion: Suggestion) -> None:
    assert client.request(method, path_of(suggestion.id), json={"url": NEW_URL}).status_code == 401
