"""Sign-out: ends a session in our database at once, and at Clerk if Clerk answers."""

import uuid

from aws_lambda_powertools import Logger
from sqlalchemy.orm import Session

from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.models import AuthenticationEvent
from whyviral.core.logging import build_logger
from whyviral.integrations.errors import ProviderError
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from . import repository
from .models import RevocationReason
from .schemas import SignedOut
from .sessions import ClerkFactory

logger: Logger = build_logger("api")


def sign_out(
    session: Session, *, user_id: uuid.UUID, session_id: str, clerk: ClerkFactory, caller: Caller
) -> SignedOut:
    """End a session. Our revocation is committed first, so it holds even if Clerk does not answer."""
    repository.revoke_session(session, session_id, RevocationReason.SIGNED_OUT)
    session.commit()
    calls = CallCollector()
    reason = None
    try:
        clerk(calls).revoke_session(session_id)
    except ProviderError as exc:
        reason = "clerk_unreachable"
        logger.warning("session not revoked at Clerk", extra={"session": session_id, "category": exc.category})
    call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=user_id))
    sign_out_event = Authentication(AuthenticationEvent.SIGN_OUT, reason=reason, user_id=user_id, session_id=session_id)
    record_authentication(session, sign_out_event, caller)
    return SignedOut(revoked_at_clerk=reason is None)
