"""A record of who signed in, up or out, or tried to."""

import uuid
from dataclasses import asdict, dataclass

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from whyviral.core.logging import build_logger

from .models import AuthenticationEvent, AuthenticationLog, AuthenticationOutcome

logger = build_logger("analytics")


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
    """Append what happened; a record that cannot be written is itself logged and stops nobody."""
    values = asdict(happened) | asdict(caller)
    try:
        with session.begin_nested():
            # One conflict is possible: an impersonated session that was noted before.
            session.execute(insert(AuthenticationLog).values(values).on_conflict_do_nothing())
    except SQLAlchemyError as exc:
        logger.warning("authentication not recorded", extra={"event": happened.event, "error": type(exc).__name__})
