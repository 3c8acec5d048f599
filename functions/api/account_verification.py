"""Whether an account is verified, as Clerk knows it now: asked only where our row does not say so already."""

from datetime import timedelta

from sqlalchemy.orm import Session

from whyviral.accounts import service as account_service
from whyviral.accounts.models import User
from whyviral.accounts.profiles import profile_of
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.throttling.rate_limits import RatePolicy, hit
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from .dependencies import Services

ASKING_RATE = RatePolicy("verification", limit=10, window=timedelta(hours=1))
"""How often Clerk is asked about one user who is not verified."""


def refresh_profile(session: Session, services: Services, user: User) -> None:
    """Take over what Clerk says about a user now; call it with no transaction open.

    Raises:
        ProviderError: Clerk cannot be asked, or has no such user.
    """
    calls = CallCollector()
    try:
        known = services.clerk(calls).get_user(user.clerk_user_id)
        account_service.sync_user(session, user.clerk_user_id, profile_of(known))
        session.refresh(user)
    finally:
        call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=user.id))


def require_verified_user(session: Session, services: Services, user: User) -> None:
    """Let verified users through; a row that says otherwise may be older than the proof, so Clerk is asked.

    Raises:
        VerifiedEmailRequired: neither an e-mail address nor a phone number nor a wallet of the account is verified.
        ProviderError: Clerk cannot be asked.
    """
    if not services.require_verified_email or account_service.is_verified(user):
        return
    rate, now = ASKING_RATE, services.clock()
    state = hit(session, scope=rate.scope, subject=str(user.id), limit=rate.limit, window=rate.window, now=now)
    session.commit()  # no transaction is open while Clerk is asked
    if state.allowed:
        try:
            refresh_profile(session, services, user)
        except ProviderError as exc:
            if exc.category is not ErrorCategory.NOT_FOUND:
                raise
        finally:
            session.commit()
    if not account_service.is_verified(user):
        raise account_service.VerifiedEmailRequired
