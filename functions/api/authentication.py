"""Who is calling: the session token is checked before the body is read, the user's row when the route needs it."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from whyviral.accounts import service as account_service
from whyviral.accounts.models import User
from whyviral.accounts.profiles import Profile
from whyviral.analytics import service as analytics_service
from whyviral.core.calls import CallCollector
from whyviral.core.errors import AppError
from whyviral.integrations.clerk import ClerkClient
from whyviral.integrations.clerk_tokens import InvalidSessionToken, SessionClaims
from whyviral.integrations.errors import ProviderError

from .dependencies import Services, ServicesDep, SessionDep, services_of
from .errors import ErrorOut

UNAUTHENTICATED: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorOut, "description": "The session token is missing, expired or not ours."}
}


class NotAuthenticated(AppError):
    """The request carries no session token."""

    status_code = 401
    code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__("Sign in first: send a session token as `Authorization: Bearer <token>`.")


class InvalidToken(AppError):
    """The session token does not prove who is calling."""

    status_code = 401
    code = "invalid_token"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The session token was refused ({reason.replace('_', ' ')}); get a fresh one and try again.",
            details={"reason": reason},
        )


class AuthenticatedRoute(APIRoute):
    """A route whose session token is verified before anything of the body is parsed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler, which would complain about the body first."""
        handle = super().get_route_handler()

        async def authenticate_first(request: Request) -> Response:
            # In a thread: the keys may have to be fetched.
            request.state.claims = await run_in_threadpool(_verify, request)
            return await handle(request)

        return authenticate_first


def _verify(request: Request) -> SessionClaims:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated
    try:
        return services_of(request).verifier.verify(token.strip())
    except InvalidSessionToken as exc:
        raise InvalidToken(exc.reason) from exc


_documented_scheme = HTTPBearer(
    auto_error=False, scheme_name="ClerkSessionToken", description="A session token of Clerk, good for a minute."
)


def get_current_user(
    request: Request, session: SessionDep, services: ServicesDep, _token: Annotated[Any, Depends(_documented_scheme)]
) -> User:
    """Return the caller's row; the first sight of a user makes it, with a Free subscription."""
    claims: SessionClaims = request.state.claims
    user = account_service.find_user(session, claims.user_id)
    if user is not None:
        return user
    session.rollback()  # no transaction is open while Clerk is asked
    return _create_user(session, services, claims)


def _create_user(session: Session, services: Services, claims: SessionClaims) -> User:
    calls = CallCollector()
    profile = _profile(claims, ClerkClient(services.clerk_secret_key.get_secret_value(), calls=calls))
    user = account_service.create_user(session, claims.user_id, profile)
    analytics_service.record_external_calls(session, calls.drain(), user_id=user.id)
    session.commit()  # the user exists now, whatever becomes of the request
    return user


def _profile(claims: SessionClaims, clerk: ClerkClient) -> Profile:
    if claims.email is not None:
        return Profile(email=claims.email, full_name=claims.name)
    try:
        known = clerk.get_user(claims.user_id)
    except ProviderError:
        # Nobody is turned away because Clerk's Backend API is: the token alone says who they are.
        return Profile(full_name=claims.name)
    return Profile(
        email=known.email,
        email_verified=known.email_verified,
        full_name=known.full_name,
        image_url=known.image_url,
    )


type CurrentUser = Annotated[User, Depends(get_current_user)]
