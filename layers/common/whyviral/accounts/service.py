"""Rules of accounts: users, their sessions and their plans."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError

from . import repository
from .models import Plan, Subscription, User
from .profiles import Profile

FREE_PLAN = "free"


class AccountDeleted(AppError):
    """The user of this token has been deleted."""

    status_code = 401
    code = "account_deleted"

    def __init__(self) -> None:
        super().__init__("This account has been deleted. Sign up again to use whyviral.")


class SessionRevoked(AppError):
    """The session of this token has been revoked."""

    status_code = 401
    code = "session_revoked"

    def __init__(self) -> None:
        super().__init__("This session has ended. Sign in again.")


class NoCurrentPlan(AppError):
    """The user has no active plan."""

    status_code = 403
    code = "no_current_plan"

    def __init__(self) -> None:
        super().__init__("Your account has no active plan. Choose a plan to analyse posts.")


class NoCurrentSubscription(AppError):
    """The user has no active subscription."""

    status_code = 404
    code = "no_current_subscription"

    def __init__(self) -> None:
        super().__init__("Your account has no active subscription. Choose a plan to get one.")


class VerifiedEmailRequired(AppError):
    """The account has no verified e-mail address, phone number or wallet."""

    status_code = 403
    code = "verified_email_required"

    def __init__(self) -> None:
        super().__init__("Verify your e-mail address first; then analyse posts.")


def is_verified(user: User) -> bool:
    """Return whether the user has a verified e-mail address, phone number or wallet."""
    return user.email_verified or user.phone_or_wallet_verified


def find_user(session: Session, clerk_user_id: str) -> User | None:
    """Return the user with this Clerk id, or None if there is no row yet.

    Raises:
        AccountDeleted: the user was deleted here.
    """
    return _unless_deleted(repository.find_user(session, clerk_user_id))


def find_signed_in_user(session: Session, clerk_user_id: str, *, session_id: str) -> User | None:
    """Return the user of a session, or None if they have no row yet; a known user costs one statement.

    Raises:
        AccountDeleted: the user was deleted here.
        SessionRevoked: the session has been revoked.
    """
    found = repository.find_user_and_revocation(session, clerk_user_id, session_id)
    user, is_revoked = found or (None, repository.is_session_revoked(session, session_id))
    _unless_deleted(user)
    if is_revoked:
        raise SessionRevoked
    return user


def create_user(session: Session, clerk_user_id: str, profile: Profile) -> User:
    """Create the user with a Free subscription, or return the existing one; concurrent calls get the same row."""
    repository.insert_user(session, clerk_user_id, profile)
    user = find_user(session, clerk_user_id)
    if user is None:  # an insert with a conflict waits for the other transaction, so the row is visible by now
        raise RuntimeError("The user that was just inserted is missing.")
    repository.insert_subscription(session, user.id, plan_slug=FREE_PLAN)
    return user


def sync_user(session: Session, clerk_user_id: str, profile: Profile) -> None:
    """Create or update a user from Clerk's profile; a profile older than the stored one changes nothing.

    Raises:
        AccountDeleted: the user was deleted here, which is final.
    """
    if find_user(session, clerk_user_id) is None:
        create_user(session, clerk_user_id, profile)
    repository.update_profile(session, clerk_user_id, profile)


def rename(user: User, changes: dict[str, str | None]) -> User:
    """Apply a user's own changes of full_name and company_name."""
    for name, value in changes.items():
        setattr(user, name, value)
    if "full_name" in changes:
        user.is_named_here = True
    return user


def delete_user(session: Session, clerk_user_id: str, *, now: datetime) -> uuid.UUID:
    """Erase a user's personal data and return the id of their row; their tokens stop working at once."""
    repository.delete_verifications(session, clerk_user_id)
    return repository.anonymise_user(session, clerk_user_id, now=now)


def get_user_plan(session: Session, user_id: uuid.UUID) -> Plan:
    """Return the plan of the user's current subscription.

    Raises:
        NoCurrentPlan: the user has no current subscription.
    """
    plan = repository.find_current_plan(session, user_id)
    if plan is None:
        raise NoCurrentPlan
    return plan


def get_user_subscription(session: Session, user_id: uuid.UUID) -> Subscription:
    """Return the user's current subscription with its plan.

    Raises:
        NoCurrentSubscription: the user has no current subscription.
    """
    subscription = repository.find_current_subscription(session, user_id)
    if subscription is None:
        raise NoCurrentSubscription
    return subscription


def _unless_deleted(user: User | None) -> User | None:
    if user is not None and user.deleted_at is not None:
        raise AccountDeleted
    return user
