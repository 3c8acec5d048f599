"""The cost of the current UTC day: of all users together, and of the users of the Free plan."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ScalarSelect, case, func, select
from sqlalchemy.orm import Session

from whyviral.accounts.models import CURRENT_STATUSES, Plan, Subscription
from whyviral.accounts.service import FREE_PLAN
from whyviral.core.clock import end_of_day
from whyviral.vendor_calls import daily_budget

from .models import PostAnalysisRequest, RequestStatus


@dataclass(frozen=True, slots=True)
class SpentToday:
    """USD spent today, including the reservations of calls in progress."""

    by_all_usd: Decimal
    by_free_users_usd: Decimal | None
    """None if the caller is not on the Free plan."""


def get_spent_today(session: Session, user_id: uuid.UUID, *, now: datetime) -> SpentToday:
    """Return today's cost, in one statement; requests of Free users count on the day of their creation."""
    is_free = (Plan.slug == FREE_PLAN) & Subscription.status.in_(CURRENT_STATUSES)
    free_users = select(Subscription.user_id).join(Plan, Plan.id == Subscription.plan_id).where(is_free)
    cost_usd: ScalarSelect[Any] = (
        select(func.coalesce(func.sum(PostAnalysisRequest.cost_usd + PostAnalysisRequest.reserved_usd), 0))
        .where(
            PostAnalysisRequest.status.in_(
                list(RequestStatus)
            ),  # all statuses, because the index starts with the status
            PostAnalysisRequest.created_at >= end_of_day(now) - timedelta(days=1),
            PostAnalysisRequest.created_at < end_of_day(now),
            PostAnalysisRequest.user_id.in_(free_users),
        )
        .scalar_subquery()
    )
    is_caller_free = free_users.where(Subscription.user_id == user_id).exists()
    taken_usd, free_usd = session.execute(select(daily_budget.taken_usd(now), case((is_caller_free, cost_usd)))).one()
    return SpentToday(by_all_usd=taken_usd or Decimal(0), by_free_users_usd=free_usd)
