"""Tables of logs: API accesses, business events and authentications."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Index, PrimaryKeyConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of


class ApiAccessLog(Base):
    """One request that the API answered; partitioned by month, and without foreign keys, like every log."""

    __tablename__ = "api_access_logs"
    __table_args__ = (
        PrimaryKeyConstraint("id", "created_at"),
        Index(None, "created_at"),
        Index(None, "user_id", "created_at"),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    request_id: Mapped[str]
    method: Mapped[str]
    route: Mapped[str | None]
    """The path template, such as `/api/analysis/requests/{request_id}/`; None: the documentation, or no such route."""
    status: Mapped[int]
    response_time_ms: Mapped[int]
    error_code: Mapped[str | None]
    user_id: Mapped[uuid.UUID | None]
    address: Mapped[str | None]
    user_agent: Mapped[str | None]


class EventCategory(StrEnum):
    """The area of the product that an event concerns."""

    AUTH = "AUTH"
    SCRAPE = "SCRAPE"
    API = "API"
    ANALYSIS = "ANALYSIS"
    BILLING = "BILLING"
    SYSTEM = "SYSTEM"


class EventLevel(StrEnum):
    """The severity of an event, in the levels of `logging`."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class AppLog(Identified, Base):
    """One business event: ids, counts and names, never a user's text."""

    __tablename__ = "app_logs"
    __table_args__ = (
        one_of("category", EventCategory),
        one_of("level", EventLevel),
        Index(None, "created_at"),
        Index(None, "user_id", "created_at"),
        Index(None, "analysis_request_id"),
    )

    category: Mapped[str]
    level: Mapped[str] = mapped_column(server_default=EventLevel.INFO)
    event: Mapped[str]
    user_id: Mapped[uuid.UUID | None]
    analysis_request_id: Mapped[uuid.UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))


class AuthenticationEvent(StrEnum):
    """A step of signing in, up or out, or the end of an account or a session."""

    SIGN_UP = "sign_up"
    SIGN_UP_VERIFY = "sign_up_verify"
    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - not a password
    PASSWORD_RESET_CONFIRM = "password_reset_confirm"  # noqa: S105 - not a password
    IMPERSONATION = "impersonation"
    SESSION_END = "session_end"
    ACCOUNT_DELETE = "account_delete"


class AuthenticationOutcome(StrEnum):
    """The outcome: `refused` has a cause on the caller's side, `failed` one on ours or the provider's."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"


class AuthenticationLog(Identified, Base):
    """One authentication; without foreign keys, like every log, and with e-mail addresses only as keyed hashes."""

    __tablename__ = "authentication_logs"
    __table_args__ = (
        one_of("event", AuthenticationEvent),
        one_of("outcome", AuthenticationOutcome),
        Index(None, "created_at"),
        Index(None, "user_id", "created_at"),
        Index(None, "email_hash", "created_at"),
        Index(
            "uq_authentication_logs_impersonation",
            "session_id",
            unique=True,
            postgresql_where=text("event = 'impersonation'"),
        ),
    )

    event: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    user_id: Mapped[uuid.UUID | None]
    email_hash: Mapped[str | None]
    session_id: Mapped[str | None]
    actor: Mapped[str | None]
    """Clerk's id of the user who impersonated this user."""
    address: Mapped[str | None]
    user_agent: Mapped[str | None]
    request_id: Mapped[str | None]
