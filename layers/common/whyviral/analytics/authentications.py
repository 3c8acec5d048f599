"""A record of who signed in, up or out, or tried to."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Insert, Text, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from whyviral.core.logging import build_logger

from .models import AppLog, AuthenticationEvent, AuthenticationLog, AuthenticationOutcome, EventCategory, EventLevel

logger = build_logger("analytics")
_MOST_ADDRESSES = 100


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, as the connection says and not its headers, but for what names the browser."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Authentication:
    """What happened."""

    event: AuthenticationEvent
    outcome: AuthenticationOutcome = AuthenticationOutcome.SUCCEEDED
    reason: str | None = None
    user_id: uuid.UUID | None = None
    email_hash: str | None = None
    """A keyed hash: it tells whether two events are about the same address, and nothing else."""
    session_id: str | None = None
    actor: str | None = None


def record_authentication(session: Session, happened: Authentication, caller: Caller) -> None:
    """Append what happened, also to the events; a record that cannot be written is itself logged and stops nobody."""
    try:
        with session.begin_nested():
            session.execute(_insert(happened, caller))
    except SQLAlchemyError as exc:
        logger.warning("authentication not recorded", extra={"event": happened.event, "error": type(exc).__name__})


def list_sign_in_addresses(session: Session, email_hash: str, *, since: datetime) -> Sequence[str | None]:
    """Return the network addresses from which the owner of an e-mail address has signed in since a moment."""
    return session.scalars(
        select(AuthenticationLog.address)
        .where(
            AuthenticationLog.email_hash == email_hash,
            AuthenticationLog.created_at >= since,
            AuthenticationLog.event == AuthenticationEvent.SIGN_IN,
            AuthenticationLog.outcome == AuthenticationOutcome.SUCCEEDED,
        )
        .distinct()
        .limit(_MOST_ADDRESSES)
    ).all()


def _insert(happened: Authentication, caller: Caller) -> Insert:
    # One conflict is possible: an impersonated session that was noted before, which then is no event either.
    noted = (
        upsert(AuthenticationLog)
        .values(asdict(happened) | asdict(caller))
        .on_conflict_do_nothing()
        .returning(AuthenticationLog.event, AuthenticationLog.user_id)
        .cte("noted")
    )
    details = literal({"outcome": happened.outcome, "reason": happened.reason}, JSONB)
    level = EventLevel.WARNING if happened.outcome is AuthenticationOutcome.FAILED else EventLevel.INFO
    event = select(literal(EventCategory.AUTH, Text), literal(level, Text), noted.c.event, noted.c.user_id, details)
    return insert(AppLog).from_select(["category", "level", "event", "user_id", "details"], event)
