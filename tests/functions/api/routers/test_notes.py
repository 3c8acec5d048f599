"""Notes: one per user and analysis, saved as plain text, and never overwritten unseen."""

import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_analysis, create_post, create_request
from tests.fixtures.database import count_statements
from tests.functions.api.conftest import SignedIn
from whyviral.admin.user_data import delete_user
from whyviral.analysis.models import PostAnalysis
from whyviral.notes.models import MAX_CONTENT_CHARS, MAX_TITLE_CHARS, AnalysisNote
from whyviral.social.models import Post, UserPostActivity

LIST = "/api/analysis/notes/"
SAVE = LIST + "save/"


@pytest.fixture
def create_owned_analysis(rows: Session) -> Callable[..., PostAnalysis]:
    """Return a function that creates an analysis of a user, of a new post."""

    def create(user: SignedIn, **post_columns: Any) -> PostAnalysis:
        post = create_post(rows, **post_columns)
        analysis = create_analysis(rows, create_request(rows, user.user, [post]), post)
        rows.commit()
        return analysis

    return create


@pytest.fixture
def analysis(free_user: SignedIn, create_owned_analysis: Callable[..., PostAnalysis]) -> PostAnalysis:
    """An analysis of the user."""
    return create_owned_analysis(free_user)


@pytest.fixture
def save(client: TestClient, free_user: SignedIn) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Return a function that saves a note as the user and returns status and answer."""

    def save(analysis_id: uuid.UUID, /, **fields: Any) -> tuple[int, dict[str, Any]]:
        body = {"post_analysis_id": str(analysis_id), "title": "Idea", "content": "Be short."} | fields
        reply = client.post(SAVE, json=body, headers=free_user.headers)
        return reply.status_code, reply.json()

    return save


type Save = Callable[..., tuple[int, dict[str, Any]]]


def saved_notes(rows: Session, user: SignedIn) -> list[tuple[str, str]]:
    rows.rollback()
    notes = rows.scalars(select(AnalysisNote).where(AnalysisNote.user_id == user.user.id))
    return [(note.title, note.content) for note in notes]


def test_a_first_save_creates_a_note_and_a_second_replaces_it(
    analysis: PostAnalysis, save: Save, rows: Session, free_user: SignedIn
) -> None:
    first = save(analysis.id)
    second = save(analysis.id, title="Better idea", content="")

    assert (first[0], second[0]) == (201, 200)
    assert first[1]["id"] == second[1]["id"]
    assert first[1]["created_at"] == second[1]["created_at"]
    assert first[1]["updated_at"] < second[1]["updated_at"]
    assert saved_notes(rows, free_user) == [("Better idea", "")]


def test_a_note_is_returned_with_the_identity_of_its_post(
    client: TestClient, analysis: PostAnalysis, save: Save, rows: Session, free_user: SignedIn
) -> None:
    _, saved = save(analysis.id, content="x" * 300)
    post = rows.get_one(Post, analysis.post_id)

    note = client.get(f"{LIST}{analysis.id}/", headers=free_user.headers).json()

    assert note == saved
    assert note["content"] == "x" * 300
    assert note["excerpt"] == "x" * 200
    assert (note["post_analysis_id"], note["analysis_request_id"]) == (str(analysis.id), str(analysis.request_id))
    assert note["post"] == {"id": str(post.id), "platform": "x", "url": post.url, "username": "jack"}


def test_text_is_saved_unchanged(analysis: PostAnalysis, save: Save) -> None:
    text = " <script>alert(1)</script>\r\n\t**bold** & 並べて \u2028 👩‍👩‍👧 %s :name '; drop table users; --\u202e "

    status, note = save(analysis.id, title="<b>" + "字" * (MAX_TITLE_CHARS - 3), content=text)

    assert (status, note["content"]) == (201, text)
    assert note["title"] == "<b>" + "字" * (MAX_TITLE_CHARS - 3)


def test_a_note_of_the_maximum_length_is_saved_completely(analysis: PostAnalysis, save: Save) -> None:
    status, note = save(analysis.id, content="字" * MAX_CONTENT_CHARS)

    assert (status, note["content"]) == (201, "字" * MAX_CONTENT_CHARS)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"title": " \n\t "},
        {"title": "x" * (MAX_TITLE_CHARS + 1)},
        {"title": "nul \x00"},
        {"title": None},
        {"content": "x" * (MAX_CONTENT_CHARS + 1)},
        {"content": "nul \x00"},
        {"content": None},
        {"content": 1},
        {"post_analysis_id": "1"},
        {"updated_at": "yesterday"},
        {"updated_at": "2026-11-28T12:00:00"},
        {"user_id": "7d9f43c4-94b0-4d0e-a65e-f9f7f4d8c3de"},
    ],
    ids=lambda fields: "{}-{:.12}".format(*next((name, repr(value)) for name, value in fields.items())),
)
def test_an_invalid_note_is_refused(
    analysis: PostAnalysis, save: Save, rows: Session, free_user: SignedIn, fields: dict[str, Any]
) -> None:
    status, answer = save(analysis.id, **fields)

    assert (status, answer["code"]) == (422, "invalid_request")
    assert saved_notes(rows, free_user) == []


def test_half_a_surrogate_pair_is_refused(
    client: TestClient, analysis: PostAnalysis, rows: Session, free_user: SignedIn
) -> None:
    body = json.dumps({"post_analysis_id": str(analysis.id), "title": "a", "content": "\ud83d"})
    headers = free_user.headers | {"Content-Type": "application/json"}

    reply = client.post(SAVE, content=body, headers=headers)

    assert (reply.status_code, saved_notes(rows, free_user)) == (422, [])


def test_a_stale_edit_is_refused_with_the_time_of_the_current_version(
    analysis: PostAnalysis, save: Save, rows: Session, free_user: SignedIn
) -> None:
    _, first = save(analysis.id)
    _, second = save(analysis.id, content="from the phone", updated_at=first["updated_at"])

    status, refused = save(analysis.id, content="from the laptop", updated_at=first["updated_at"])

    assert (status, refused["code"]) == (409, "note_changed")
    assert datetime.fromisoformat(refused["details"]["updated_at"]) == datetime.fromisoformat(second["updated_at"])
    assert saved_notes(rows, free_user) == [("Idea", "from the phone")]


def test_an_edit_of_a_deleted_note_is_refused(
    client: TestClient, analysis: PostAnalysis, save: Save, rows: Session, free_user: SignedIn
) -> None:
    _, note = save(analysis.id)
    deleted = client.delete(f"{LIST}{note['id']}/delete/", headers=free_user.headers)

    status, refused = save(analysis.id, updated_at=note["updated_at"])

    assert (deleted.status_code, status) == (204, 409)
    assert (refused["code"], refused["details"]) == ("note_changed", {"updated_at": None})
    assert saved_notes(rows, free_user) == []


def test_a_deleted_note_is_neither_listed_nor_readable(
    client: TestClient, analysis: PostAnalysis, save: Save, free_user: SignedIn
) -> None:
    _, note = save(analysis.id)

    statuses = [client.delete(f"{LIST}{note['id']}/delete/", headers=free_user.headers).status_code for _ in range(2)]

    assert statuses == [204, 404]
    assert client.get(LIST, headers=free_user.headers).json()["count"] == 0
    assert client.get(f"{LIST}{analysis.id}/", headers=free_user.headers).json()["code"] == "note_not_found"


def test_another_users_note_and_analysis_look_nonexistent(
    client: TestClient,
    sign_in: Callable[..., SignedIn],
    create_owned_analysis: Callable[..., PostAnalysis],
    save: Save,
    rows: Session,
    free_user: SignedIn,
) -> None:
    other = sign_in()
    analysis = create_owned_analysis(other)
    body = {"post_analysis_id": str(analysis.id), "title": "Mine", "content": "Not yours."}
    theirs = client.post(SAVE, json=body, headers=other.headers).json()

    for edited in ({}, {"updated_at": theirs["updated_at"]}):
        status, refused = save(analysis.id, **edited)
        assert (status, refused["code"]) == (404, "post_analysis_not_found")
    read = client.get(f"{LIST}{analysis.id}/", headers=free_user.headers)
    deleted = client.delete(f"{LIST}{theirs['id']}/delete/", headers=free_user.headers)

    assert (read.status_code, deleted.status_code) == (404, 404)
    assert client.get(LIST, headers=free_user.headers).json()["results"] == []
    assert saved_notes(rows, other) == [("Mine", "Not yours.")]


def test_two_parallel_saves_make_one_note(
    client: TestClient, analysis: PostAnalysis, rows: Session, free_user: SignedIn
) -> None:
    start = threading.Barrier(2)

    def save_at_once(content: str) -> int:
        body = {"post_analysis_id": str(analysis.id), "title": "Idea", "content": content}
        start.wait()
        return client.post(SAVE, json=body, headers=free_user.headers).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(save_at_once, ["one", "two"]))

    assert sorted(statuses) == [200, 201]
    assert len(saved_notes(rows, free_user)) == 1


def test_of_two_parallel_edits_of_one_version_one_is_refused(
    client: TestClient, analysis: PostAnalysis, save: Save, rows: Session, free_user: SignedIn
) -> None:
    _, note = save(analysis.id)
    start = threading.Barrier(2)

    def edit_at_once(content: str) -> tuple[int, str]:
        fields = {"title": "Idea", "content": content, "updated_at": note["updated_at"]}
        start.wait()
        reply = client.post(SAVE, json=fields | {"post_analysis_id": str(analysis.id)}, headers=free_user.headers)
        return reply.status_code, content

    with ThreadPoolExecutor(2) as pool:
        edits = sorted(pool.map(edit_at_once, ["one", "two"]))

    assert [status for status, _ in edits] == [200, 409]
    assert saved_notes(rows, free_user) == [("Idea", edits[0][1])]


def test_notes_are_listed_by_their_last_edit_in_pages_of_twenty(
    client: TestClient,
    create_owned_analysis: Callable[..., PostAnalysis],
    save: Save,
    free_user: SignedIn,
) -> None:
    analyses = [create_owned_analysis(free_user) for _ in range(21)]
    for number, analysis in enumerate(analyses):
        save(analysis.id, title=f"Note {number}")
    save(analyses[0].id, title="Edited last")

    with count_statements() as many:
        first = client.get(LIST, headers=free_user.headers).json()
    second = client.get(LIST, params={"page": 2}, headers=free_user.headers).json()

    titles = [note["title"] for note in first["results"] + second["results"]]
    assert titles == ["Edited last", *(f"Note {number}" for number in range(20, 0, -1))]
    assert (first["count"], len(first["results"]), len(second["results"])) == (21, 20, 1)
    assert "content" not in first["results"][0]
    assert len(many) == 2  # the user, and the page


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("HOOK", ["A hook", "Content"]),
        ("100%", ["Percent"]),
        ("_", ["Under_score"]),
        ("natgeo", ["A hook"]),
        ("x.com/i/status", ["A hook", "Content", "Percent", "Under_score"]),
        ("nothing like it", []),
    ],
)
def test_a_search_finds_text_in_title_content_and_post(
    client: TestClient,
    create_owned_analysis: Callable[..., PostAnalysis],
    save: Save,
    free_user: SignedIn,
    search: str,
    found: list[str],
) -> None:
    notes = {"A hook": "one", "Content": "the hook is short", "Percent": "100% of it", "Under_score": "two"}
    for title, content in notes.items():
        username = "NatGeo" if title == "A hook" else "jack"
        save(create_owned_analysis(free_user, username=username).id, title=title, content=content)

    page = client.get(LIST, params={"search": search}, headers=free_user.headers).json()

    assert sorted(note["title"] for note in page["results"]) == found
    assert page["count"] == len(found)


@pytest.mark.parametrize("search", ["", "\x00", "x" * 201], ids=["empty", "nul", "too-long"])
def test_an_invalid_search_is_refused(client: TestClient, free_user: SignedIn, search: str) -> None:
    reply = client.get(LIST, params={"search": search}, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


def test_a_saved_note_is_recorded_as_an_activity_once(
    analysis: PostAnalysis, save: Save, rows: Session, free_user: SignedIn
) -> None:
    save(analysis.id)
    save(analysis.id)

    activities = rows.scalars(select(UserPostActivity).where(UserPostActivity.user_id == free_user.user.id)).all()
    assert [(activity.post_id, activity.activity) for activity in activities] == [(analysis.post_id, "noted")]


def test_the_notes_of_a_deleted_user_are_deleted(
    analysis: PostAnalysis, save: Save, rows: Session, free_user: SignedIn
) -> None:
    save(analysis.id)

    delete_user(rows, free_user.user.clerk_user_id, now=datetime.now(UTC))
    rows.commit()

    assert saved_notes(rows, free_user) == []
    assert rows.scalar(select(func.count()).where(PostAnalysis.id == analysis.id)) == 1
