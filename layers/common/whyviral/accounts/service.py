"""Rules of accounts: who someone is and what their plan allows."""

import uuid

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError

from .models import Plan, User
from .profiles import Profile
from .repository import AccountRepository

FREE_PLAN = "free"


class AccountDeleted(AppError):
    """The token is good, but its user has been deleted here."""

    status_code = 401
    code = "account_deleted"

    def __init__(self) -> None:
        super().__init__("This account has been deleted; sign up again to use whyviral.")


class NoCurrentPlan(AppError):
    """The user has no subscription in force."""

    status_code = 403
    code = "no_current_plan"

    def __init__(self) -> None:
        super().__init__("Your account has no active plan; choose one to analyse posts.")


def find_user(session: Session, clerk_user_id: str) -> User | None:
    """Return the user known to Clerk by this id, or None at first sight.

    Raises:
        AccountDeleted: the user was deleted here.
    """
    user = AccountRepository(session).find_user(clerk_user_id)
    if user is not None and user.deleted_at is not None:
        raise AccountDeleted
    return user


def create_user(session: Session, clerk_user_id: str, profile: Profile) -> User:
    """Create the user with a Free subscription; safe to call from many requests at once, each gets the same row."""
    accounts = AccountRepository(session)
    accounts.insert_user(clerk_user_id, profile)
    user = find_user(session, clerk_user_id)
    if user is None:  # an insert that met a conflict waits for the other transaction, so the row is visible by now
        raise RuntimeError("a user that was just inserted is not there")
    accounts.insert_subscription(user.id, plan_slug=FREE_PLAN)
    return user


def get_user_plan(session: Session, user_id: uuid.UUID) -> Plan:
    """Return the plan that the user's current subscription gives.

    Raises:
        NoCurrentPlan: there is none.
    """
    plan = AccountRepository(session).find_current_plan(user_id)
    if plan is None:
        raise NoCurrentPlan
    return plan
