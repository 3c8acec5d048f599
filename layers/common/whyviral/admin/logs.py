"""The logs that administrators read: vendor calls, vendor costs per day, sign-ins and business events."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Date, cast, func, literal_column, select
from sqlalchemy.orm import Session

from whyviral.analytics.models import (
    AppLog,
    AuthenticationEvent,
    AuthenticationLog,
    AuthenticationOutcome,
    EventCategory,
    EventLevel,
)
from whyviral.core.errors import ErrorCategory
from whyviral.core.pagination import Page, read_page
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.vendor_calls.money import Usd

_MAX_ROWS_PER_REQUEST = 1_000


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CallOut(_Row):
    """One call to a vendor with its cost."""

    id: uuid.UUID
    provider: str
    operation: str
    started_at: datetime
    duration_ms: Annotated[int | None, Field(description="Null where the end of the call is not known.")]
    status: int | None
    error_category: ErrorCategory | None
    cost_usd: Usd | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    is_stand_in: bool
    analysis_request_id: uuid.UUID | None
    attempt: int | None
    step: str | None
    user_id: uuid.UUID | None


class DayOut(_Row):
    """The number and cost of the calls to one vendor on one UTC day."""

    day: date
    provider: str
    calls: int
    failed: int
    unpriced: int
    cost_usd: Usd


class AuthenticationOut(_Row):
    """One sign-up, sign-in or sign-out, successful or not."""

    id: uuid.UUID
    event: AuthenticationEvent
    outcome: AuthenticationOutcome
    reason: str | None
    user_id: uuid.UUID | None
    actor: str | None
    address: str | None
    user_agent: str | None
    request_id: str | None
    created_at: datetime


class EventOut(_Row):
    """One business event."""

    id: uuid.UUID
    category: EventCategory
    level: EventLevel
    event: str
    user_id: uuid.UUID | None
    analysis_request_id: uuid.UUID | None
    details: dict[str, Any]
    created_at: datetime


def first_of(days: int, now: datetime) -> datetime:
    """Return the UTC midnight at which the last `days` days began, counting today as one of them."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)


def list_calls(session: Session, *, page: int, since: datetime, provider: str | None = None) -> Page[Any]:
    """Return a page of vendor calls, latest first."""
    query = (
        select(ExternalApiCallLog)
        .where(ExternalApiCallLog.created_at >= since)
        .order_by(ExternalApiCallLog.created_at.desc(), ExternalApiCallLog.id)
    )
    if provider is not None:
        query = query.where(ExternalApiCallLog.provider == provider)
    return read_page(session, query, page)


def list_days(session: Session, *, page: int, since: datetime) -> Page[Any]:
    """Return a page of vendor costs by day and vendor, latest day first."""
    # A literal, because Postgres does not treat an expression with two parameters of the same value as one expression.
    day = cast(func.timezone(literal_column("'UTC'"), ExternalApiCallLog.created_at), Date).label("day")
    query = (
        select(
            day,
            ExternalApiCallLog.provider,
            func.count().label("calls"),
            func.count(ExternalApiCallLog.error_category).label("failed"),
            (func.count() - func.count(ExternalApiCallLog.cost_usd)).label("unpriced"),
            func.coalesce(func.sum(ExternalApiCallLog.cost_usd), 0).label("cost_usd"),
        )
        .where(ExternalApiCallLog.created_at >= since)
        .group_by(day, ExternalApiCallLog.provider)
        .order_by(day.desc(), ExternalApiCallLog.provider)
    )
    return read_page(session, query, page)


def list_authentications(
    session: Session, *, page: int, since: datetime, user_id: uuid.UUID | None = None
) -> Page[Any]:
    """Return a page of sign-ups, sign-ins and sign-outs, latest first."""
    query = (
        select(AuthenticationLog)
        .where(AuthenticationLog.created_at >= since)
        .order_by(AuthenticationLog.created_at.desc(), AuthenticationLog.id)
    )
    if user_id is not None:
        query = query.where(AuthenticationLog.user_id == user_id)
    return read_page(session, query, page)


def list_calls_of_request(session: Session, request_id: uuid.UUID) -> Sequence[ExternalApiCallLog]:
    """Return the vendor calls of an analysis request, oldest first; a request has far fewer than the limit."""
    return session.scalars(
        select(ExternalApiCallLog)
        .where(ExternalApiCallLog.analysis_request_id == request_id)
        .order_by(ExternalApiCallLog.started_at, ExternalApiCallLog.id)
        .limit(_MAX_ROWS_PER_REQUEST)
    ).all()


def list_events_of_request(session: Session, request_id: uuid.UUID) -> Sequence[AppLog]:
    """Return the log events of an analysis request, oldest first."""
    return session.scalars(
        select(AppLog)
        .where(AppLog.analysis_request_id == request_id)
        .order_by(AppLog.created_at, AppLog.id)
        .limit(_MAX_ROWS_PER_REQUEST)
    ).all()
