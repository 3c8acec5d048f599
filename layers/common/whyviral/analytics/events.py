"""The log of business events, such as admitted and finished analyses, returned usage, and reads by administrators."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from whyviral.core.logging import build_logger
from whyviral.core.telemetry.catalogue import FAULTS
from whyviral.core.telemetry.on_commit import record_on_commit

from .models import AppLog, EventCategory, EventLevel

logger = build_logger("analytics")


@dataclass(frozen=True, slots=True)
class Event:
    """A business event, which is recorded if and only if its transaction commits."""

    category: EventCategory
    name: str
    user_id: uuid.UUID | None = None
    analysis_request_id: uuid.UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Ids, counts and names; never a user's text or an address."""
    level: EventLevel = EventLevel.INFO
    """WARNING: a user's request was not fulfilled. ERROR: a fault on our side, which an operator should check."""


def record_events(session: Session, *events: Event) -> None:
    """Append events in one statement; a failure to do so is logged and not raised."""
    try:
        with session.begin_nested():
            _insert(session, events)
        _measure(session, events)
    except SQLAlchemyError as exc:
        names = sorted({event.name for event in events})
        logger.warning("events not recorded", extra={"events": names, "error": type(exc).__name__})


def require_event(session: Session, event: Event) -> None:
    """Append an event; a failure is raised, so that the transaction cannot commit without the event."""
    _insert(session, [event])
    _measure(session, [event])


def _measure(session: Session, events: Sequence[Event]) -> None:
    for event in events:
        if event.level is EventLevel.ERROR:
            record_on_commit(session, FAULTS, Category=event.category)


def _insert(session: Session, events: Sequence[Event]) -> None:
    rows = [
        {
            "category": event.category,
            "level": event.level,
            "event": event.name,
            "user_id": event.user_id,
            "analysis_request_id": event.analysis_request_id,
            "details": dict(event.details),
        }
        for event in events
    ]
    session.execute(insert(AppLog).values(rows))
