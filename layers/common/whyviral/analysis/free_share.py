"""What the analyses of users of the Free plan cost together on one day (UTC)."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from whyviral.accounts.models import CURRENT_STATUSES, Plan, Subscription
from whyviral.accounts.service import FREE_PLAN
from whyviral.core.clock import end_of_day

from .models import PostAnalysisRequest, RequestStatus


def is_free_share_used(session: Session, user_id: uuid.UUID, *, most_usd: Decimal, now: datetime) -> bool:
    """Whether a user is on the Free plan, and today's requests of all such users cost `most_usd` or more.

    What their calls under way may yet cost counts as well. Requests count on the day they were made.
    """
    is_free = (Plan.slug == FREE_PLAN) & Subscription.status.in_(CURRENT_STATUSES)
    free_users = select(Subscription.user_id).join(Plan, Plan.id == Subscription.plan_id).where(is_free)
    cost_usd = (
        select(func.coalesce(func.sum(PostAnalysisRequest.cost_usd + PostAnalysisRequest.reserved_usd), 0))
        .where(
            PostAnalysisRequest.status.in_(list(RequestStatus)),  # all of them: the index begins with the status
            PostAnalysisRequest.created_at >= end_of_day(now) - timedelta(days=1),
            PostAnalysisRequest.created_at < end_of_day(now),
            PostAnalysisRequest.user_id.in_(free_users),
        )
        .scalar_subquery()
    )
    is_caller_free = free_users.where(Subscription.user_id == user_id).exists()
    return bool(session.scalar(select(is_caller_free & (cost_usd >= most_usd))))
