"""Every query of accounts."""

import uuid

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from .models import CURRENT_STATUSES, IS_CURRENT, Plan, Subscription, SubscriptionStatus, User
from .profiles import Profile


class AccountRepository:
    """Users, plans and subscriptions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_user(self, clerk_user_id: str) -> User | None:
        """Return the user that Clerk knows by this id."""
        return self._session.scalar(select(User).where(User.clerk_user_id == clerk_user_id))

    def insert_user(self, clerk_user_id: str, profile: Profile) -> None:
        """Insert the user unless another request has just done so."""
        self._session.execute(
            insert(User)
            .values(
                clerk_user_id=clerk_user_id,
                email=profile.email,
                email_verified=profile.email_verified,
                full_name=profile.full_name,
                profile_image=profile.image_url,
            )
            .on_conflict_do_nothing(index_elements=[User.clerk_user_id])
        )

    def insert_subscription(self, user_id: uuid.UUID, *, plan_slug: str) -> None:
        """Give the user this plan unless a current subscription exists."""
        plan_id = select(Plan.id).where(Plan.slug == plan_slug).scalar_subquery()
        self._session.execute(
            insert(Subscription)
            .values(user_id=user_id, plan_id=plan_id, status=SubscriptionStatus.ACTIVE)
            .on_conflict_do_nothing(index_elements=[Subscription.user_id], index_where=IS_CURRENT)
        )

    def find_current_plan(self, user_id: uuid.UUID) -> Plan | None:
        """Return the plan of the user's current subscription."""
        return self._session.scalar(
            select(Plan)
            .join(Subscription, Subscription.plan_id == Plan.id)
            .where(Subscription.user_id == user_id, Subscription.status.in_(CURRENT_STATUSES))
        )
