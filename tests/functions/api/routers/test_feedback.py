"""Feedback: saved unchanged, limited in length and in number."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.functions.api.conftest import SignedIn
from whyviral.admin.user_data import delete_user
from whyviral.analytics.models import AppLog
from whyviral.feedback.models import LONGEST_TEXT, Feedback
from whyviral.feedback.service import FEEDBACK_RATE

PATH = "/api/feedback/"
IDEA = {"category": "idea", "text": "  Compare two posts.\nSide by side, 並べて.  "}


def written(rows: Session, user: SignedIn) -> list[tuple[str, str]]:
    rows.rollback()
    found = rows.scalars(select(Feedback).where(Feedback.user_id == user.user.id).order_by(Feedback.created_at))
    return [(feedback.category, feedback.text) for feedback in found]


def test_feedback_is_saved_and_returned(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    reply = client.post(PATH, json=IDEA, headers=free_user.headers)

    assert reply.status_code == 201
    assert reply.json().keys() == {"id", "category", "text", "created_at"}
    assert written(rows, free_user) == [("idea", "Compare two posts.\nSide by side, 並べて.")]
    event = rows.scalars(select(AppLog).where(AppLog.user_id == free_user.user.id)).one()
    assert (event.event, event.details) == ("feedback_given", {"category": "idea", "characters": 37})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"category": "idea"},
        {"text": "x"},
        IDEA | {"category": "rant"},
        IDEA | {"text": ""},
        IDEA | {"text": " \n\t "},
        IDEA | {"text": "x" * (LONGEST_TEXT + 1)},
        IDEA | {"text": "nul \x00"},
        IDEA | {"text": 1},
        IDEA | {"user_id": "7d9f43c4-94b0-4d0e-a65e-f9f7f4d8c3de"},
        [],
    ],
)
def test_invalid_feedback_is_refused(client: TestClient, free_user: SignedIn, rows: Session, body: Any) -> None:
    reply = client.post(PATH, json=body, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert written(rows, free_user) == []


def test_feedback_of_the_maximum_length_is_saved_completely(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    client.post(PATH, json=IDEA | {"text": "字" * LONGEST_TEXT}, headers=free_user.headers)

    assert written(rows, free_user) == [("idea", "字" * LONGEST_TEXT)]


def test_ten_messages_in_an_hour_are_saved_and_the_eleventh_is_refused(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    statuses = [
        client.post(PATH, json=IDEA, headers=free_user.headers).status_code for _ in range(FEEDBACK_RATE.limit + 1)
    ]

    assert statuses == [201] * 10 + [429]
    assert len(written(rows, free_user)) == 10


def test_feedback_repeated_with_the_same_key_is_saved_once(
    client: TestClient, free_user: SignedIn, rows: Session
) -> None:
    headers = free_user.headers | {"Idempotency-Key": "once"}

    replies = [client.post(PATH, json=IDEA, headers=headers) for _ in range(2)]

    assert replies[0].content == replies[1].content
    assert len(written(rows, free_user)) == 1


def test_the_feedback_of_a_deleted_user_is_deleted(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    client.post(PATH, json=IDEA, headers=free_user.headers)

    delete_user(rows, free_user.user.clerk_user_id, now=datetime.now(UTC))
    rows.commit()

    assert written(rows, free_user) == []
