"""The user of a session token of Clerk's: verifies the token and finds or creates the user's row."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.models import AuthenticationEvent
from whyviral.core.database import allow_writes
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.client import ClerkClient
from whyviral.integrations.clerk.session_tokens import InvalidSessionToken, SessionClaims, SessionTokenVerifier
from whyviral.integrations.errors import ProviderError
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from . import service
from .models import User
from .profiles import Profile, profile_of

type ClerkFactory = Callable[[CallCollector], ClerkClient]
"""Builds a client of Clerk that records its calls in the collector."""


class InvalidToken(AppError):
    """The session token is expired, forged or not meant for this service; `details.reason` says which."""

    status_code = 401
    code = "invalid_token"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The session token is not valid ({reason.replace('_', ' ')}). Get a new one and try again.",
            details={"reason": reason},
        )


def verify_token(verifier: SessionTokenVerifier, token: str) -> SessionClaims:
    """Return the claims of a session token.

    Raises:
        InvalidToken: the token does not pass verification.
        ProviderError: Clerk's signing keys cannot be fetched.
    """
    try:
        return verifier.verify(token)
    except InvalidSessionToken as exc:
        raise InvalidToken(exc.reason) from exc


def get_session_user(session: Session, claims: SessionClaims, *, clerk: ClerkFactory, caller: Caller) -> User:
    """Return the user of verified claims. The first request of a user creates the row; impersonation is recorded.

    Raises:
        AccountDeleted: the user was deleted here.
        SessionRevoked: the session has ended here.
    """
    user = service.find_signed_in_user(session, claims.user_id, session_id=claims.session_id)
    if user is None:
        session.rollback()  # so that no transaction is open during the call to Clerk
        allow_writes(session)
        user = _create_user(session, claims, clerk)
    if claims.actor is not None:
        _record_impersonation(session, user, claims, caller)
    return user


def _create_user(session: Session, claims: SessionClaims, clerk: ClerkFactory) -> User:
    calls = CallCollector()
    profile = _profile(claims, clerk(calls))
    user = service.create_user(session, claims.user_id, profile)
    call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=user.id))
    session.commit()  # the user exists from now on, even if the request fails later
    return user


def _profile(claims: SessionClaims, clerk: ClerkClient) -> Profile:
    if claims.email is not None:
        return Profile(email=claims.email, full_name=claims.name)
    try:
        return profile_of(clerk.get_user(claims.user_id))
    except ProviderError:
        # The token alone identifies the user, so an outage of Clerk's Backend API keeps no user out.
        return Profile(full_name=claims.name)


def _record_impersonation(session: Session, user: User, claims: SessionClaims, caller: Caller) -> None:
    impersonation = Authentication(
        AuthenticationEvent.IMPERSONATION, user_id=user.id, session_id=claims.session_id, actor=claims.actor
    )
    allow_writes(session)
    record_authentication(session, impersonation, caller)
    session.commit()  # the attempt is recorded even if the request fails later
