"""Tables of what happened: accesses and calls, events, and who signed in, up, out, or tried to."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Index, PrimaryKeyConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of


class ApiAccessLog(Base):
    """One request that the API answered; partitioned by month, and like every log it refers to nothing."""

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
    """The template of the path, `/api/analysis/requests/{request_id}/`; None for the documentation, and where there is
    no such route."""
    status: Mapped[int]
    response_time_ms: Mapped[int]
    error_code: Mapped[str | None]
    user_id: Mapped[uuid.UUID | None]
    address: Mapped[str | None]
    user_agent: Mapped[str | None]


class EventCategory(StrEnum):
    """What an event is about."""

    AUTH = "AUTH"
    SCRAPE = "SCRAPE"
    API = "API"
    ANALYSIS = "ANALYSIS"
    BILLING = "BILLING"
    SYSTEM = "SYSTEM"


class EventLevel(StrEnum):
    """How serious an event is, in the levels of `logging`."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class AppLog(Identified, Base):
    """One business event: ids, counts and names, never text that a user wrote."""

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
    """A step of signing in, up or out, or an end of an account or a session."""

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
    """How it ended: `refused` is the caller's side, `failed` is ours or the provider's."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"


class AuthenticationLog(Identified, Base):
    """One event of signing in; like every log it refers to nothing, and it holds no address in clear."""

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
    """Clerk's id of whoever acted for the user."""
    address: Mapped[str | None]
    user_agent: Mapped[str | None]
    request_id: Mapped[str | None]
