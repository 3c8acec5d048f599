"""Signing out: here at once, at Clerk where it can be reached."""

import uuid

from aws_lambda_powertools import Logger
from sqlalchemy.orm import Session

from whyviral.accounts import service as account_service
from whyviral.accounts.models import RevocationReason
from whyviral.accounts.schemas import SignedOut
from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.models import AuthenticationEvent
from whyviral.core.logging import build_logger
from whyviral.integrations.errors import ProviderError
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from .dependencies import Services

logger: Logger = build_logger("api")


def sign_out(session: Session, services: Services, *, user_id: uuid.UUID, session_id: str, caller: Caller) -> SignedOut:
    """End a session; what is committed here holds whatever Clerk says."""
    account_service.revoke_session(session, session_id, RevocationReason.SIGNED_OUT)
    session.commit()
    calls = CallCollector()
    reason = None
    try:
        services.clerk(calls).revoke_session(session_id)
    except ProviderError as exc:
        reason = "clerk_unreachable"
        logger.warning("session not revoked at Clerk", extra={"session": session_id, "category": exc.category})
    call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=user_id))
    happened = Authentication(AuthenticationEvent.SIGN_OUT, reason=reason, user_id=user_id, session_id=session_id)
    record_authentication(session, happened, caller)
    return SignedOut(revoked_at_clerk=reason is None)
