"""The log of authentications: sign-ins, sign-ups and sign-outs, and failed attempts at them."""

import re
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
_MAX_ADDRESSES = 100
_UNPRINTABLE = re.compile(r"[^ -~]")
_MAX_USER_AGENT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Caller:
    """The origin of a request. The address is that of the connection; only the user agent comes from a header."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, *, address: str | None, user_agent: str, request_id: str) -> "Caller":
        """Return the origin of a request, with a user agent that is short and printable."""
        shown = _UNPRINTABLE.sub(" ", user_agent)[:_MAX_USER_AGENT_CHARS]
        return cls(address=address, user_agent=shown or None, request_id=request_id)


@dataclass(frozen=True, slots=True)
class Authentication:
    """One attempt to sign in, up or out, and its outcome."""

    event: AuthenticationEvent
    outcome: AuthenticationOutcome = AuthenticationOutcome.SUCCEEDED
    reason: str | None = None
    user_id: uuid.UUID | None = None
    email_hash: str | None = None
    """A keyed hash, which only shows whether two events concern the same e-mail address."""
    session_id: str | None = None
    actor: str | None = None


def record_authentication(session: Session, authentication: Authentication, caller: Caller) -> None:
    """Append an authentication to its log and to the events; a failure to do so is logged and not raised."""
    try:
        with session.begin_nested():
            session.execute(_insert(authentication, caller))
    except SQLAlchemyError as exc:
        details = {"event": authentication.event, "error": type(exc).__name__}
        logger.warning("authentication not recorded", extra=details)


def list_sign_in_addresses(session: Session, email_hash: str, *, since: datetime) -> Sequence[str | None]:
    """Return the network addresses from which the owner of an e-mail address has signed in since a time."""
    return session.scalars(
        select(AuthenticationLog.address)
        .where(
            AuthenticationLog.email_hash == email_hash,
            AuthenticationLog.created_at >= since,
            AuthenticationLog.event == AuthenticationEvent.SIGN_IN,
            AuthenticationLog.outcome == AuthenticationOutcome.SUCCEEDED,
        )
        .distinct()
        .limit(_MAX_ADDRESSES)
    ).all()


def _insert(authentication: Authentication, caller: Caller) -> Insert:
    # The only possible conflict is an impersonated session that was recorded before; it adds no second event either.
    recorded = (
        upsert(AuthenticationLog)
        .values(asdict(authentication) | asdict(caller))
        .on_conflict_do_nothing()
        .returning(AuthenticationLog.event, AuthenticationLog.user_id)
        .cte("recorded")
    )
    details = literal({"outcome": authentication.outcome, "reason": authentication.reason}, JSONB)
    level = EventLevel.WARNING if authentication.outcome is AuthenticationOutcome.FAILED else EventLevel.INFO
    event = select(
        literal(EventCategory.AUTH, Text), literal(level, Text), recorded.c.event, recorded.c.user_id, details
    )
    return insert(AppLog).from_select(["category", "level", "event", "user_id", "details"], event)
