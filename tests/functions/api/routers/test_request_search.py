"""The list of requests, filtered by search, status and platform."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_post, create_request
from tests.fixtures.database import count_statements
from tests.functions.api.conftest import BASE_URL, SignedIn
from whyviral.analysis.models import RequestStatus

LIST = "/api/analysis/requests/"
type Find = Callable[..., list[str | None]]


@pytest.fixture
def find(client: TestClient, free_user: SignedIn) -> Find:
    """Return a function that returns the names of the found requests, newest first."""

    def find(**query: Any) -> list[str | None]:
        reply = client.get(LIST, params=query, headers=free_user.headers)
        assert reply.status_code == 200, reply.text
        return [request["display_name"] for request in reply.json()["results"]]

    return find


@pytest.fixture
def history(rows: Session, free_user: SignedIn, sign_in: Callable[..., SignedIn]) -> None:
    """Requests of the user, and one of another user with the same texts."""
    kite = create_post(
        rows, username="NatGeo", content="A kite over 100% of the_sea", author={"display_name": "Náture"}
    )
    talk = create_post(rows, username="ted", content=r"C:\talks", details={"title": "How to sail"})
    create_request(rows, free_user.user, [kite], display_name="kite", status=RequestStatus.COMPLETED)
    create_request(rows, free_user.user, [kite, talk], display_name="both", status=RequestStatus.FAILED)
    create_request(rows, free_user.user, handle="sailor", display_name="creator", platform="instagram")
    waiting = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    create_request(rows, free_user.user, post_urls=[waiting], display_name="waiting", platform="youtube")
    create_request(rows, sign_in().user, [kite, talk], display_name="theirs", handle="sailor")
    rows.commit()


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("natgeo", {"kite", "both"}),
        ("Náture", {"kite", "both"}),
        ("sea kite", {"kite", "both"}),
        ("kite sail", {"both"}),
        ("  sail\t", {"both", "creator"}),
        ("sailor", {"creator"}),
        ("dqw4w9", {"waiting"}),
        ("i/status", {"kite", "both"}),
        ("100%", {"kite", "both"}),
        ("10%f", set()),
        ("the_sea", {"kite", "both"}),
        ("th__sea", set()),
        ("c:\\talks", {"both"}),
        ("\\", {"both"}),
        ("'; drop table posts; --", set()),
        ("theirs", set()),
    ],
)
def test_a_search_finds_each_word_in_handle_name_url_author_or_text(find: Find, search: str, found: set[str]) -> None:
    assert set(find(search=search)) == found


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "FAILED"}, {"both"}),
        ({"status": ["FAILED", "COMPLETED"]}, {"kite", "both"}),
        ({"status": ["PENDING", "PROCESSING"], "platform": "youtube"}, {"waiting"}),
        ({"platform": "x", "search": "sail"}, {"both"}),
        ({"platform": "youtube", "search": "sail"}, set()),
    ],
)
def test_filters_are_combined(find: Find, query: dict[str, Any], found: set[str]) -> None:
    assert set(find(**query)) == found


def test_a_deleted_request_is_not_found(client: TestClient, find: Find, free_user: SignedIn, rows: Session) -> None:
    request = create_request(rows, free_user.user, [create_post(rows)], status=RequestStatus.COMPLETED)
    rows.commit()
    assert len(find(search="jack")) == 1

    client.delete(f"{LIST}{request.id}/", headers=free_user.headers)

    assert find(search="jack") == find(status="COMPLETED") == []


def test_the_links_to_other_pages_keep_the_filters(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    for _ in range(21):
        create_request(rows, free_user.user, handle="a&b", status=RequestStatus.FAILED)
    create_request(rows, free_user.user)
    rows.commit()
    query = {"search": "A&B", "status": ["FAILED", "PENDING"], "platform": "x"}

    first = client.get(LIST, params=query, headers=free_user.headers).json()
    second = client.get(first["next"].removeprefix(BASE_URL), headers=free_user.headers).json()

    filters = "search=A%26B&status=FAILED&status=PENDING&platform=x"
    assert (first["count"], len(first["results"]), len(second["results"])) == (21, 20, 1)
    assert first["next"] == f"{BASE_URL}{LIST}?{filters}&page=2"
    assert second["previous"] == f"{BASE_URL}{LIST}?{filters}&page=1"


@pytest.mark.parametrize(
    "query",
    [
        {"search": ""},
        {"search": "  "},
        {"search": "a\x00b"},
        {"search": "x" * 201},
        {"status": "DONE"},
        {"status": ["FAILED"] * 5},
        {"platform": "myspace"},
        {"page": "1.0", "search": "a"},
    ],
    ids=str,
)
def test_a_wrong_filter_is_refused_by_its_name(client: TestClient, free_user: SignedIn, query: dict[str, Any]) -> None:
    reply = client.get(LIST, params=query, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert reply.json()["details"][0]["field"].startswith(f"query.{next(iter(query))}")


def test_a_search_needs_as_many_statements_as_the_whole_list(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    create_request(rows, free_user.user, [create_post(rows) for _ in range(20)])
    rows.commit()
    client.get(LIST, headers=free_user.headers)  # opens the connection
    needed = []
    for query in ({}, {"search": "jack just twttr"}, {"search": "nothing"}, {"status": "PENDING", "platform": "x"}):
        with count_statements() as statements:
            client.get(LIST, params=query, headers=free_user.headers)
        needed.append(len(statements))

    assert needed == [2, 2, 2, 2]
