"""Administrators: who they are, how they sign in to the admin panel, and how a user becomes one."""

import uuid
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from whyviral.accounts import service as account_service
from whyviral.accounts.client_network import network_of
from whyviral.accounts.models import RevokedSession, User
from whyviral.accounts.sessions import verify_token
from whyviral.accounts.sign_in import ADDRESS_RATE
from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.events import Event, require_event
from whyviral.analytics.models import AuthenticationEvent, AuthenticationOutcome, EventCategory, EventLevel
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.session_tokens import SessionClaims, SessionTokenVerifier
from whyviral.throttling.rate_limits import RateLimited, hit

SIGN_IN_REASON = "admin_panel"
"""The reason in the authentication log of a sign-in that opened the admin panel."""


class NotAnAdministrator(AppError):
    """The token's user is no administrator, or another person acts in their session."""

    status_code = 403
    code = "not_an_administrator"

    def __init__(self) -> None:
        super().__init__("This account may not use the admin panel. Sign in with an administrator's own account.")


class NoSuchUser(ValueError):
    """No user can be made an administrator; the message says why."""


def sign_in(
    session: Session, token: str, *, verifier: SessionTokenVerifier, caller: Caller, now: datetime
) -> tuple[User, SessionClaims]:
    """Return the administrator of a session token. Every attempt is counted and recorded, and commits.

    Raises:
        RateLimited: too many attempts from this network.
        InvalidToken: the token does not pass verification; an API key never does.
        SessionRevoked: the session has ended.
        AccountDeleted: the user was deleted.
        NotAnAdministrator: the user is no administrator, or the session is impersonated.
    """
    _admit(session, caller, now)
    try:
        claims = verify_token(verifier, token)
        user = account_service.find_signed_in_user(session, claims.user_id, session_id=claims.session_id)
        if user is None or not user.is_admin or claims.actor is not None:
            raise NotAnAdministrator
    except AppError as exc:
        session.rollback()
        refused = Authentication(AuthenticationEvent.SIGN_IN, AuthenticationOutcome.REFUSED, reason=exc.code)
        _record(session, refused, caller)
        raise
    signed_in = Authentication(
        AuthenticationEvent.SIGN_IN, reason=SIGN_IN_REASON, user_id=user.id, session_id=claims.session_id
    )
    _record(session, signed_in, caller)
    return user, claims


def sign_out(session: Session, user_id: uuid.UUID, session_id: str, caller: Caller) -> None:
    """Record that an administrator has left the admin panel; their session at Clerk goes on."""
    left = Authentication(AuthenticationEvent.SIGN_OUT, reason=SIGN_IN_REASON, user_id=user_id, session_id=session_id)
    _record(session, left, caller)


def find_administrator(session: Session, user_id: uuid.UUID, session_id: str) -> User | None:
    """Return the user if they still are an administrator and their session has not been revoked."""
    is_revoked = exists().where(RevokedSession.session_id == session_id)
    wanted = select(User).where(User.id == user_id, User.is_admin, User.deleted_at.is_(None), ~is_revoked)
    return session.scalar(wanted)


def record_visit(session: Session, user_id: uuid.UUID, *, method: str, path: str, query: list[str]) -> None:
    """Record what an administrator opens or sends, without the values; a failure is raised."""
    name = "admin_read" if method in ("GET", "HEAD") else "admin_sent"
    require_event(session, Event(EventCategory.API, name, user_id, details={"path": path, "query": query}))


def make_administrator(session: Session, email: str) -> User:
    """Make the user with this verified address an administrator; repeating it changes nothing.

    Raises:
        NoSuchUser: no user has the address, several have it, or it is not verified.
    """
    address = email.strip().lower()
    users = session.scalars(select(User).where(User.email == address, User.deleted_at.is_(None)).limit(2)).all()
    if not users:
        raise NoSuchUser(f"no user has the address {address}; sign in with it once, then try again")
    if len(users) > 1:
        raise NoSuchUser(f"several users have the address {address}; set is_admin of the right one by SQL")
    (user,) = users
    if not user.email_verified:
        raise NoSuchUser(f"the address {address} is not verified; verify it first, because anyone can enter it")
    if not user.is_admin:
        user.is_admin = True
        require_event(session, Event(EventCategory.AUTH, "administrator_made", user.id, level=EventLevel.WARNING))
    return user


def _admit(session: Session, caller: Caller, now: datetime) -> None:
    rate, network = ADDRESS_RATE, network_of(caller.address)
    state = hit(session, scope=rate.scope, subject=network, limit=rate.limit, window=rate.window, now=now)
    session.commit()  # the attempt counts even if it fails
    if state.allowed:
        return
    if state.is_first_refusal:
        refused = Authentication(AuthenticationEvent.SIGN_IN, AuthenticationOutcome.REFUSED, RateLimited.code)
        _record(session, refused, caller)
    raise RateLimited(rate, state)


def _record(session: Session, authentication: Authentication, caller: Caller) -> None:
    record_authentication(session, authentication, caller)
    session.commit()
