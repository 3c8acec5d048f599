"""Who is calling: the session token is checked before the body is read, the user's row when the route needs it."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from whyviral.accounts import service as account_service
from whyviral.accounts.models import User
from whyviral.accounts.profiles import Profile, profile_of
from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.models import AuthenticationEvent
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.client import ClerkClient
from whyviral.integrations.clerk.session_tokens import InvalidSessionToken, SessionClaims
from whyviral.integrations.errors import ProviderError
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from .dependencies import Services, ServicesDep, SessionDep, caller_of, services_of
from .error_responses import DATABASE, Errors
from .errors import ProviderUnavailable
from .transactions import TransactionRoute


class NotAuthenticated(AppError):
    """The request carries no session token in its Authorization header."""

    status_code = 401
    code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__("Sign in first: send your session token as `Authorization: Bearer <token>`.")


class InvalidToken(AppError):
    """The session token is expired, forged or not meant for this service; `details.reason` says which."""

    status_code = 401
    code = "invalid_token"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The session token is not valid ({reason.replace('_', ' ')}); get a new one and try again.",
            details={"reason": reason},
        )


TOKEN_ERRORS: Errors = (InvalidToken, account_service.SessionRevoked, account_service.AccountDeleted)
"""What a session token can be refused with."""
SIGNED_IN: Errors = (*DATABASE, ProviderUnavailable, NotAuthenticated, *TOKEN_ERRORS)
"""What every route for signed-in users can answer."""


class AuthenticatedRoute(TransactionRoute):
    """A route whose session token is verified before anything of the body is parsed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler, which would complain about the body first."""
        handle = super().get_route_handler()

        async def authenticate_first(request: Request) -> Response:
            request.state.claims = await _claims_of(services_of(request), _token_of(request))
            return await handle(request)

        return authenticate_first


def _token_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated
    return token.strip()


async def _claims_of(services: Services, token: str) -> SessionClaims:
    """Verify a token; in a thread only where the keys may have to be fetched."""
    try:
        claims = services.verifier.verify_with_known_keys(token)
    except InvalidSessionToken as exc:
        raise InvalidToken(exc.reason) from exc
    if claims is None:
        return await run_in_threadpool(verify_token, services, token)
    return claims


def verify_token(services: Services, token: str) -> SessionClaims:
    """Return what a session token proves.

    Raises:
        InvalidToken: it proves nothing.
        ProviderError: the keys to tell cannot be had.
    """
    try:
        return services.verifier.verify(token)
    except InvalidSessionToken as exc:
        raise InvalidToken(exc.reason) from exc


documented_scheme = HTTPBearer(
    auto_error=False, scheme_name="ClerkSessionToken", description="A session token of Clerk, valid for one minute."
)


def get_current_user(
    request: Request, session: SessionDep, services: ServicesDep, _token: Annotated[Any, Depends(documented_scheme)]
) -> User:
    """Return the caller's row; the first sight of a user makes it, with a Free subscription."""
    claims: SessionClaims = request.state.claims
    user = user_of(session, services, claims, caller=caller_of(request))
    request.state.user_id = user.id  # for the record of the request
    return user


type CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_claims(request: Request) -> SessionClaims:
    """Return what the caller's token says, as a dependency of routes that check it."""
    claims: SessionClaims = request.state.claims
    return claims


type Claims = Annotated[SessionClaims, Depends(get_claims)]


def user_of(session: Session, services: Services, claims: SessionClaims, *, caller: Caller) -> User:
    """Return the user of verified claims, made at first sight; whoever acts for them is noted.

    Raises:
        AccountDeleted: the user was deleted here.
        SessionRevoked: the session has ended here.
    """
    user = account_service.find_signed_in_user(session, claims.user_id, session_id=claims.session_id)
    if user is None:
        session.rollback()  # no transaction is open while Clerk is asked
        user = _create_user(session, services, claims)
    if claims.actor is not None:
        _note_impersonation(session, user, claims, caller)
    return user


def _create_user(session: Session, services: Services, claims: SessionClaims) -> User:
    calls = CallCollector()
    profile = _profile(claims, services.clerk(calls))
    user = account_service.create_user(session, claims.user_id, profile)
    call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=user.id))
    session.commit()  # the user exists now, whatever becomes of the request
    return user


def _profile(claims: SessionClaims, clerk: ClerkClient) -> Profile:
    if claims.email is not None:
        return Profile(email=claims.email, full_name=claims.name)
    try:
        return profile_of(clerk.get_user(claims.user_id))
    except ProviderError:
        # Nobody is turned away because Clerk's Backend API is: the token alone says who they are.
        return Profile(full_name=claims.name)


def _note_impersonation(session: Session, user: User, claims: SessionClaims, caller: Caller) -> None:
    impersonation = Authentication(
        AuthenticationEvent.IMPERSONATION, user_id=user.id, session_id=claims.session_id, actor=claims.actor
    )
    record_authentication(session, impersonation, caller)
    session.commit()  # it was attempted, whatever becomes of the request
