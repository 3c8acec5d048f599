"""The check that an account is verified. Clerk is called only if our row does not say so already."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.throttling.rate_limits import RatePolicy, hit
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from . import service
from .models import User
from .profiles import profile_of
from .sessions import ClerkFactory

PROFILE_RATE = RatePolicy("verification", limit=10, window=timedelta(hours=1))
"""Profile requests to Clerk for one unverified user."""


def refresh_profile(session: Session, user: User, *, clerk: ClerkFactory) -> None:
    """Update a user's row from Clerk. Call it with no transaction open.

    Raises:
        ProviderError: Clerk does not answer, or has no such user.
    """
    calls = CallCollector()
    try:
        clerk_user = clerk(calls).get_user(user.clerk_user_id)
        service.sync_user(session, user.clerk_user_id, profile_of(clerk_user))
        session.refresh(user)
    finally:
        call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=user.id))


def require_verified_user(session: Session, user: User, *, clerk: ClerkFactory, now: datetime) -> None:
    """Return if the user is verified. An unverified row may be outdated, so it is refreshed from Clerk first.

    Raises:
        VerifiedEmailRequired: the account has no verified e-mail address, phone number or wallet.
        ProviderError: Clerk does not answer.
    """
    if service.is_verified(user):
        return
    rate = PROFILE_RATE
    state = hit(session, scope=rate.scope, subject=str(user.id), limit=rate.limit, window=rate.window, now=now)
    session.commit()  # so that no transaction is open during the call to Clerk
    if state.allowed:
        try:
            refresh_profile(session, user, clerk=clerk)
        except ProviderError as exc:
            if exc.category is not ErrorCategory.NOT_FOUND:
                raise
        finally:
            session.commit()
    if not service.is_verified(user):
        raise service.VerifiedEmailRequired
