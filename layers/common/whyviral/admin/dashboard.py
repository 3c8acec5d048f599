"""The figures of the admin panel's first page: requests, durations, costs, failures and active users by UTC day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Date, Row, cast, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from whyviral.analysis.models import PostAnalysisRequest, RequestStatus
from whyviral.usage.models import UserUsage
from whyviral.vendor_calls.models import ExternalApiCallLog

from .logs import first_of

DAY_RANGES = (7, 30, 90)
"""The numbers of days that the page offers."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the completed requests of one day took, in seconds."""

    day: date
    median_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The figures of the last days, each list by day, oldest first."""

    days: tuple[date, ...]
    outcomes: Sequence[tuple[date, RequestStatus, int]]
    durations: Sequence[Durations]
    costs: Sequence[tuple[date, str, Decimal]]
    error_categories: Sequence[tuple[str, int]]
    """The categories of failed requests, the most frequent first."""
    active_users: Sequence[tuple[date, int]]
    distinct_users: int
    """How many users were active on any of the days."""

    @property
    def requests(self) -> int:
        """The number of requests."""
        return sum(number for _, _, number in self.outcomes)

    @property
    def success_rate(self) -> float | None:
        """The share of ended requests that were completed; None if none has ended."""
        ended = [each for each in self.outcomes if each[1] in (RequestStatus.COMPLETED, RequestStatus.FAILED)]
        total = sum(number for _, _, number in ended)
        completed = sum(number for _, status, number in ended if status is RequestStatus.COMPLETED)
        return completed / total if total else None

    @property
    def cost_usd(self) -> Decimal:
        """The cost of all calls to vendors."""
        return sum((cost for _, _, cost in self.costs), Decimal(0))


def get_dashboard(session: Session, *, days: int, now: datetime) -> Dashboard:
    """Return the figures of the last `days` UTC days, today included, in six statements."""
    since = first_of(days, now)
    first = since.date()
    return Dashboard(
        days=tuple(first + timedelta(days=number) for number in range(days)),
        outcomes=[(day, RequestStatus(status), number) for day, status, number in _list_outcomes(session, since)],
        durations=[Durations(day, float(median), float(p95)) for day, median, p95 in _list_durations(session, since)],
        costs=[(day, provider, cost or Decimal(0)) for day, provider, cost in _list_costs(session, since)],
        error_categories=[(category, number) for category, number in _list_error_categories(session, since)],
        active_users=[(day, number) for day, number in _list_active_users(session, first)],
        distinct_users=session.scalar(
            select(func.count(UserUsage.user_id.distinct())).where(UserUsage.usage_date >= first)
        )
        or 0,
    )


def _day_of(column: InstrumentedAttribute[datetime]) -> ColumnElement[date]:
    # A literal, because Postgres does not treat an expression with two parameters of the same value as one expression.
    return cast(func.timezone(literal_column("'UTC'"), column), Date)


def _list_outcomes(session: Session, since: datetime) -> Sequence[Row[date, str, int]]:
    day, status = _day_of(PostAnalysisRequest.created_at), PostAnalysisRequest.status
    recent = select(day, status, func.count()).where(PostAnalysisRequest.created_at >= since)
    return session.execute(recent.group_by(day, status).order_by(day, status)).all()


def _list_durations(session: Session, since: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
    day, duration_s = _day_of(PostAnalysisRequest.created_at), PostAnalysisRequest.duration_seconds
    completed = (
        select(
            day,
            func.percentile_cont(0.5).within_group(duration_s),
            func.percentile_cont(0.95).within_group(duration_s),
        )
        .where(
            PostAnalysisRequest.created_at >= since,
            PostAnalysisRequest.status == RequestStatus.COMPLETED,
            duration_s.is_not(None),
        )
        .group_by(day)
        .order_by(day)
    )
    return session.execute(completed).all()


def _list_costs(session: Session, since: datetime) -> Sequence[Row[date, str, Decimal | None]]:
    day, provider = _day_of(ExternalApiCallLog.created_at), ExternalApiCallLog.provider
    cost_usd = func.sum(ExternalApiCallLog.cost_usd)
    priced = select(day, provider, cost_usd).where(ExternalApiCallLog.created_at >= since).group_by(day, provider)
    return session.execute(priced.having(cost_usd > 0).order_by(day, provider)).all()


def _list_error_categories(session: Session, since: datetime) -> Sequence[Row[str, int]]:
    category = func.coalesce(PostAnalysisRequest.error_category, literal_column("'unknown'"))
    failed = select(category, func.count()).where(
        PostAnalysisRequest.created_at >= since, PostAnalysisRequest.status == RequestStatus.FAILED
    )
    return session.execute(failed.group_by(category).order_by(func.count().desc(), category)).all()


def _list_active_users(session: Session, first: date) -> Sequence[Row[date, int]]:
    used = select(UserUsage.usage_date, func.count(UserUsage.user_id.distinct())).where(UserUsage.usage_date >= first)
    return session.execute(used.group_by(UserUsage.usage_date).order_by(UserUsage.usage_date)).all()
