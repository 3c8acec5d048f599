"""Business events are committed with their transaction, and a failure to write one does not affect it."""

import uuid
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from tests.factories import create_user
from tests.fakes.written_metrics import Value, metrics_in
from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import (
    AppLog,
    AuthenticationEvent,
    AuthenticationLog,
    AuthenticationOutcome,
    EventCategory,
    EventLevel,
)


def events(session: Session) -> list[tuple[str, str, uuid.UUID | None, dict[str, Any]]]:
    rows = session.scalars(select(AppLog).order_by(AppLog.event))
    return [(row.category, row.event, row.user_id, row.details) for row in rows]


def levels(session: Session) -> dict[str, str]:
    return {row.event: row.level for row in session.scalars(select(AppLog))}


def test_several_events_are_written_in_one_statement(session: Session) -> None:
    user_id, request_id = uuid.uuid4(), uuid.uuid4()

    record_events(
        session,
        Event(EventCategory.ANALYSIS, "admitted", user_id, request_id, {"urls": 2}),
        Event(EventCategory.SYSTEM, "something"),
    )

    assert events(session) == [
        ("ANALYSIS", "admitted", user_id, {"urls": 2}),
        ("SYSTEM", "something", None, {}),
    ]


def test_the_default_level_of_an_event_is_info(session: Session) -> None:
    record_events(
        session,
        Event(EventCategory.SYSTEM, "finished"),
        Event(EventCategory.SYSTEM, "failed", level=EventLevel.ERROR),
    )

    assert levels(session) == {"finished": "INFO", "failed": "ERROR"}


def test_only_the_five_levels_of_logging_are_stored(session: Session) -> None:
    for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        session.execute(insert(AppLog).values(category="SYSTEM", event="x", level=level))

    with pytest.raises(ProgrammingError, match="ck_app_logs_level"):
        session.execute(insert(AppLog).values(category="SYSTEM", event="x", level="NOTICE"))


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (AuthenticationOutcome.SUCCEEDED, "INFO"),
        (AuthenticationOutcome.REFUSED, "INFO"),
        (AuthenticationOutcome.FAILED, "WARNING"),
    ],
)
def test_a_sign_in_that_fails_on_our_side_is_a_warning(
    session: Session, outcome: AuthenticationOutcome, level: str
) -> None:
    record_authentication(session, Authentication(AuthenticationEvent.SIGN_IN, outcome), Caller())

    assert levels(session) == {"sign_in": level}


def test_an_event_that_cannot_be_written_does_not_fail_the_transaction(session: Session) -> None:
    user = create_user(session)

    record_events(session, Event(EventCategory.SYSTEM, "nul \x00 is no text"))

    assert session.get(type(user), user.id) is user
    assert events(session) == []


def test_a_sign_in_is_also_recorded_as_an_event(session: Session) -> None:
    user = create_user(session)

    record_authentication(session, Authentication(AuthenticationEvent.SIGN_IN, user_id=user.id), Caller())

    assert events(session) == [("AUTH", "sign_in", user.id, {"outcome": "succeeded", "reason": None})]


def test_an_impersonated_session_is_one_event_for_all_its_requests(session: Session) -> None:
    impersonation = Authentication(AuthenticationEvent.IMPERSONATION, session_id="sess_1", actor="user_admin")

    for _ in range(3):
        record_authentication(session, impersonation, Caller())

    assert len(session.scalars(select(AuthenticationLog)).all()) == 1
    assert [event[1] for event in events(session)] == ["impersonation"]


def test_a_fault_on_our_side_is_counted_when_it_is_committed(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    record_events(session, Event(EventCategory.BILLING, "charged_twice", level=EventLevel.ERROR))
    record_events(session, Event(EventCategory.SYSTEM, "something", level=EventLevel.WARNING))
    assert metrics_in(capsys.readouterr().out) == []

    session.commit()

    assert metrics_in(capsys.readouterr().out) == [Value("FaultsRecorded", 1, (("Category", "BILLING"),))]
