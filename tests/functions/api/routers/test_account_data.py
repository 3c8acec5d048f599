"""The export of all that is kept about the caller, and the deletion of their account."""

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_post, create_request
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn
from whyviral.accounts.models import RevokedSession, User
from whyviral.admin.user_export import MAX_PAGE_BYTES
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.analytics.models import ApiAccessLog, AuthenticationLog
from whyviral.feedback.models import Feedback

ME = "/api/accounts/me/"
EXPORT = "/api/accounts/me/export/"
SECRET = {"Authorization": "Bearer sk_test_stand_in"}


@pytest.fixture
def ada(stand_ins: StandInsClient, client: TestClient, rows: Session) -> SignedIn:
    """A user whom Clerk knows as well."""
    token = stand_ins.token(f"{uuid.uuid4().hex}@example.com")
    headers = {"Authorization": f"Bearer {token['token']}", "User-Agent": "Ada's browser"}
    assert client.get(ME, headers=headers).status_code == 200
    return SignedIn(rows.scalars(select(User).where(User.clerk_user_id == token["user_id"])).one(), headers)


def is_at_clerk(stand_ins: StandInsClient, user: User) -> bool:
    return stand_ins.http.get(f"/clerk/v1/users/{user.clerk_user_id}", headers=SECRET).status_code == 200


def reread(rows: Session, user: User) -> User:
    rows.rollback()
    rows.expire_all()
    return rows.get_one(User, user.id)


def lines_of(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def test_an_export_is_lines_of_json_that_end_with_a_cursor(client: TestClient, ada: SignedIn, rows: Session) -> None:
    rows.add(Feedback(user_id=ada.user.id, category="idea", text="Zoë's idea"))
    rows.commit()

    reply = client.get(EXPORT, headers=ada.headers)

    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/x-ndjson")
    *lines, last = lines_of(reply.content)
    assert last["next_cursor"] is None
    tables = [line["table"] for line in lines]
    assert {"users", "subscriptions", "feedback", "api_access_logs"} <= set(tables)
    assert [line["row"]["text"] for line in lines if line["table"] == "feedback"] == ["Zoë's idea"]
    assert [line["row"]["email"] for line in lines if line["table"] == "users"] == [ada.user.email]


def test_a_large_export_comes_in_pages_of_at_most_4_mb(client: TestClient, ada: SignedIn, rows: Session) -> None:
    rows.add_all(Feedback(user_id=ada.user.id, category="idea", text="é" * 5_000) for _ in range(500))
    rows.commit()

    pages = [client.get(EXPORT, headers=ada.headers).content]
    while cursor := lines_of(pages[-1])[-1]["next_cursor"]:
        pages.append(client.get(EXPORT, headers=ada.headers, params={"cursor": cursor}).content)

    assert [len(page) <= MAX_PAGE_BYTES for page in pages] == [True, True]
    ids = [line["row"]["id"] for page in pages for line in lines_of(page)[:-1] if line["table"] == "feedback"]
    assert len(ids) == len(set(ids)) == 500


def test_a_cursor_of_no_export_is_refused(client: TestClient, ada: SignedIn) -> None:
    reply = client.get(EXPORT, headers=ada.headers, params={"cursor": "posts:1"})

    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_export_cursor")


def test_a_deleted_account_is_gone_at_clerk_and_here(
    client: TestClient, ada: SignedIn, rows: Session, stand_ins: StandInsClient
) -> None:
    request = create_request(rows, ada.user, [create_post(rows)], status="PROCESSING")
    rows.commit()

    reply = client.delete(ME, headers=ada.headers)

    assert (reply.status_code, reply.content) == (204, b"")
    assert not is_at_clerk(stand_ins, ada.user)
    gone = reread(rows, ada.user)
    assert (gone.email, gone.deleted_at is not None) == (None, True)
    assert rows.get_one(PostAnalysisRequest, request.id).status == "FAILED"
    for log in (ApiAccessLog, AuthenticationLog):
        found = rows.execute(select(log.address, log.user_agent).where(log.user_id == ada.user.id)).all()
        assert set(found) == {(None, None)}
    refused = client.get(ME, headers=ada.headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "account_deleted")


def test_deleting_an_account_again_changes_nothing(client: TestClient, ada: SignedIn, rows: Session) -> None:
    replies = [client.delete(ME, headers=ada.headers).status_code for _ in range(3)]

    assert replies == [204, 204, 204]
    events = rows.scalars(select(AuthenticationLog.event).where(AuthenticationLog.user_id == ada.user.id)).all()
    assert events.count("account_delete") == 1


def test_a_user_whom_clerk_no_longer_has_is_deleted_here(
    client: TestClient, ada: SignedIn, rows: Session, stand_ins: StandInsClient
) -> None:
    stand_ins.http.delete(f"/clerk/v1/users/{ada.user.clerk_user_id}", headers=SECRET)

    assert client.delete(ME, headers=ada.headers).status_code == 204
    assert reread(rows, ada.user).deleted_at is not None


@pytest.mark.parametrize("trouble", [{"mode": "disconnect"}, {"mode": "status", "status": 500}])
def test_nothing_is_deleted_while_clerk_is_away(
    client: TestClient, ada: SignedIn, rows: Session, stand_ins: StandInsClient, trouble: dict[str, Any]
) -> None:
    stand_ins.fault("clerk", path="/v1/users", **trouble)

    reply = client.delete(ME, headers=ada.headers)

    assert reply.status_code == 503
    assert reread(rows, ada.user).deleted_at is None
    stand_ins.reset()
    assert client.delete(ME, headers=ada.headers).status_code == 204


def test_another_person_cannot_delete_an_account(client: TestClient, ada: SignedIn, stand_ins: StandInsClient) -> None:
    actor = {"act": {"iss": "x", "sid": "sess_admin", "sub": "user_admin"}}
    token = stand_ins.token(str(ada.user.email), overrides=actor)["token"]

    reply = client.delete(ME, headers={"Authorization": f"Bearer {token}"})

    assert (reply.status_code, reply.json()["code"]) == (403, "deletion_by_another_person")
    assert is_at_clerk(stand_ins, ada.user)


def test_an_ended_session_cannot_delete_an_account(
    client: TestClient, ada: SignedIn, rows: Session, stand_ins: StandInsClient
) -> None:
    session = stand_ins.token(str(ada.user.email))
    rows.add(RevokedSession(session_id=session["session_id"], reason="revoked"))
    rows.commit()

    reply = client.delete(ME, headers={"Authorization": f"Bearer {session['token']}"})

    assert (reply.status_code, reply.json()["code"]) == (401, "session_revoked")
    assert is_at_clerk(stand_ins, ada.user)
