"""What an administrator sees of one user beside the columns of their row."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from whyviral.accounts.models import Plan, Subscription
from whyviral.analysis.models import PostAnalysisRequest

_MAX_REQUESTS = 10


@dataclass(frozen=True, slots=True)
class UserDetails:
    """The subscriptions and the newest requests of a user, and the plans on sale."""

    subscriptions: Sequence[Row[uuid.UUID, str, str, str | None, datetime]]
    """Id, plan, status, provider and time of creation, newest first."""
    requests: Sequence[Row[uuid.UUID, datetime, str, str]]
    """Id, time of creation, platform and status, newest first."""
    plans: Sequence[Row[str, str]]
    """Slug and name, cheapest first."""


def get_details(session: Session, user_id: uuid.UUID) -> UserDetails:
    """Return the details of a user, in three statements."""
    subscriptions = (
        select(Subscription.id, Plan.name, Subscription.status, Subscription.provider, Subscription.created_at)
        .join(Plan, Plan.id == Subscription.plan_id)
        .where(Subscription.user_id == user_id)
        .order_by(Subscription.created_at.desc(), Subscription.id)
    )
    requests = (
        select(
            PostAnalysisRequest.id,
            PostAnalysisRequest.created_at,
            PostAnalysisRequest.platform,
            PostAnalysisRequest.status,
        )
        .where(PostAnalysisRequest.user_id == user_id)
        .order_by(PostAnalysisRequest.created_at.desc(), PostAnalysisRequest.id)
        .limit(_MAX_REQUESTS)
    )
    plans = select(Plan.slug, Plan.name).where(Plan.is_active).order_by(Plan.price_cents)
    return UserDetails(
        subscriptions=session.execute(subscriptions).all(),
        requests=session.execute(requests).all(),
        plans=session.execute(plans).all(),
    )
