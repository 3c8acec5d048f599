"""Tables of what happened: accesses and calls, events, and who signed in, up, out, or tried to."""

import uuid
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Index, Numeric, PrimaryKeyConstraint, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of


class ExternalApiCallLog(Base):
    """One call to a vendor and what it cost; partitioned by month.

    A call that may cost something has its row before it is made; without a duration its end is not known: whoever made
    it has died meanwhile. No foreign keys: a log outlives what it is about, and a failed log write must never fail a
    request.
    """

    __tablename__ = "external_api_call_logs"
    __table_args__ = (
        PrimaryKeyConstraint("id", "created_at"),
        Index(None, "analysis_request_id"),
        Index(None, "provider", "created_at"),
        Index(None, "job_id", postgresql_where=text("job_id is not null")),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """The same as `started_at`, by whose day it is counted."""
    provider: Mapped[str]
    operation: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_ms: Mapped[int | None]
    status: Mapped[int | None]
    error_category: Mapped[str | None]
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    reserved_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    """The most it could cost, as it was reserved before the call; held until `cost_usd` is known. None: it was free."""
    job_id: Mapped[str | None]
    """The provider's work that it began, and whose price becomes its own, or with whose end it came."""
    model: Mapped[str | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    is_stand_in: Mapped[bool]
    analysis_request_id: Mapped[uuid.UUID | None]
    attempt: Mapped[int | None]
    step: Mapped[str | None]
    """The stage of the pipeline that made it."""
    post_id: Mapped[uuid.UUID | None]
    user_id: Mapped[uuid.UUID | None]


class DailySpend(Identified, Base):
    """What calls to vendors have cost on one day (UTC), and what those under way may yet cost."""

    __tablename__ = "daily_spend"
    __table_args__ = (UniqueConstraint("day"),)

    day: Mapped[date]
    spent_usd: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default=text("0"))
    reserved_usd: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default=text("0"))


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


class AppLog(Identified, Base):
    """One business event: ids, counts and names, never what somebody wrote."""

    __tablename__ = "app_logs"
    __table_args__ = (
        one_of("category", EventCategory),
        Index(None, "created_at"),
        Index(None, "user_id", "created_at"),
        Index(None, "analysis_request_id"),
    )

    category: Mapped[str]
    event: Mapped[str]
    user_id: Mapped[uuid.UUID | None]
    analysis_request_id: Mapped[uuid.UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))


class AuthenticationEvent(StrEnum):
    """What somebody wanted, or what befell an account."""

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
    """What became of it: refused is the caller's side, failed is ours or the provider's."""

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
