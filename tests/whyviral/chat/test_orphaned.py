"""Answers whose process is gone are ended by the sweeper; those of living processes are left alone."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import factories
from whyviral.accounts.models import User
from whyviral.chat.models import ChatMessage
from whyviral.chat.orphaned import end_expired
from whyviral.usage.models import UserUsage

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def generating(session: Session, *, lease_until: datetime, pieces: tuple[str, ...] = ()) -> tuple[User, ChatMessage]:
    """Create an answer that is being written, with a question that is counted."""
    user = factories.create_user(session)
    factories.create_usage(session, user, usage_date=NOW.date(), questions_asked=1)
    post = factories.create_post(session)
    analysis = factories.create_analysis(session, factories.create_request(session, user, [post]), post)
    lease: dict[str, Any] = {"lease_owner": uuid.uuid4(), "lease_until": lease_until}
    counted = {"platform": "x", "usage_date": NOW.date(), "is_counted": True}
    answer = factories.create_chat(
        session, user, analysis, pieces=pieces, status="generating", content="", **lease, **counted
    )
    return user, answer


def asked(session: Session, user: User) -> int:
    query = select(UserUsage.questions_asked).where(UserUsage.user_id == user.id)
    return session.scalars(query).one()


@pytest.mark.parametrize(
    ("pieces", "status", "content", "counted"),
    [(("It ", "was "), "partial", "It was ", 1), ((), "failed", "", 0)],
    ids=["with text", "without text"],
)
def test_an_expired_answer_ends_with_what_was_saved(
    session: Session, pieces: tuple[str, ...], status: str, content: str, counted: int
) -> None:
    user, answer = generating(session, lease_until=NOW - timedelta(seconds=1), pieces=pieces)

    assert end_expired(session, now=NOW) == [answer]

    assert (answer.status, answer.content, answer.finished_at) == (status, content, NOW)
    assert answer.error is not None
    assert asked(session, user) == counted


def test_an_answer_whose_lease_holds_is_left_alone(session: Session) -> None:
    _, answer = generating(session, lease_until=NOW + timedelta(seconds=1))

    assert end_expired(session, now=NOW) == []
    assert answer.status == "generating"


def test_an_answer_is_ended_and_its_question_returned_once(session: Session) -> None:
    user, _ = generating(session, lease_until=NOW - timedelta(seconds=1))

    ended = [len(end_expired(session, now=NOW)) for _ in range(2)]

    assert ended == [1, 0]
    assert asked(session, user) == 0


def test_one_run_ends_no_more_answers_than_its_limit(session: Session) -> None:
    for _ in range(3):
        generating(session, lease_until=NOW - timedelta(seconds=1))

    assert [len(end_expired(session, now=NOW, limit=2)) for _ in range(3)] == [2, 1, 0]
