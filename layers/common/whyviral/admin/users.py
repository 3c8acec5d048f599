"""Users for administrators: the only query of accounts that is not restricted to one user."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from whyviral.accounts.models import CURRENT_STATUSES, Plan, Subscription, SubscriptionStatus, User
from whyviral.core.pagination import Page, read_page


class UserOverview(BaseModel):
    """A user with their current plan."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    clerk_user_id: str
    email: str | None
    email_verified: bool
    full_name: str | None
    company_name: str | None
    is_admin: bool
    plan: str | None
    subscription_status: SubscriptionStatus | None
    created_at: datetime
    deleted_at: datetime | None


def list_users(session: Session, *, page: int, email: str | None = None) -> Page[Any]:
    """Return a page of all users including deleted ones, newest first."""
    is_current = and_(Subscription.user_id == User.id, Subscription.status.in_(CURRENT_STATUSES))
    query = (
        select(
            User.id,
            User.clerk_user_id,
            User.email,
            User.email_verified,
            User.full_name,
            User.company_name,
            User.is_admin,
            Plan.slug.label("plan"),
            Subscription.status.label("subscription_status"),
            User.created_at,
            User.deleted_at,
        )
        .outerjoin(Subscription, is_current)
        .outerjoin(Plan, Plan.id == Subscription.plan_id)
        .order_by(User.created_at.desc(), User.id)
    )
    if email is not None:
        query = query.where(User.email == email)
    return read_page(session, query, page)
