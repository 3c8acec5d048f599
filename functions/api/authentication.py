"""The caller of a route: verifies the session token before the body is read, and loads the user's row on demand."""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from whyviral.accounts.models import User
from whyviral.accounts.service import AccountDeleted, SessionRevoked
from whyviral.accounts.sessions import InvalidToken, get_session_user, verify_token
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.session_tokens import InvalidSessionToken, SessionClaims

from .dependencies import Services, SessionDep, caller_of, services_of
from .error_responses import DATABASE, Errors
from .errors import ProviderUnavailable
from .transactions import Deferred, TransactionRoute


class NotAuthenticated(AppError):
    """The request carries no session token in its Authorization header."""

    status_code = 401
    code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__("Sign in first: send your session token as `Authorization: Bearer <token>`.")


TOKEN_ERRORS: Errors = (InvalidToken, SessionRevoked, AccountDeleted)
"""The errors that refuse a session token."""
SIGNED_IN: Errors = (*DATABASE, ProviderUnavailable, NotAuthenticated, *TOKEN_ERRORS)
"""The errors that every route for signed-in users can answer."""


def _token_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated
    return token.strip()


async def _claims_of(services: Services, token: str) -> SessionClaims:
    """Verify a token. Only if Clerk's signing keys may have to be fetched is that given to the runner."""
    try:
        claims = services.verifier.verify_with_known_keys(token)
    except InvalidSessionToken as exc:
        raise InvalidToken(exc.reason) from exc
    if claims is None:
        return await services.run(verify_token, services.verifier, token)
    return claims


documented_scheme = HTTPBearer(
    auto_error=False, scheme_name="ClerkSessionToken", description="A session token of Clerk, valid for one minute."
)


def _load_user(request: Request, session: Session) -> User:
    """Return the caller's row. The first request of a user creates it, with a Free subscription."""
    clerk = services_of(request).clerk
    user = get_session_user(session, request.state.claims, clerk=clerk, caller=caller_of(request))
    request.state.user_id = user.id  # for the access log
    return user


async def get_current_user(
    request: Request, session: SessionDep, _token: Annotated[Any, Depends(documented_scheme)]
) -> User:
    """Return the caller's row, as a dependency."""
    return await services_of(request).run(_load_user, request, session)


type CurrentUser = Annotated[User, Depends(get_current_user)]


async def defer_current_user(
    request: Request, session: SessionDep, _token: Annotated[Any, Depends(documented_scheme)]
) -> Deferred:
    """Return the caller's row for an endpoint of `AuthenticatedRoute`, which loads it in the endpoint's thread."""
    deferred = Deferred(partial(_load_user, request, session))
    request.state.deferred_user = deferred
    return deferred


type _DeferredUser = Annotated[Deferred, Depends(defer_current_user)]


class AuthenticatedRoute(TransactionRoute):
    """A route whose session token is verified before any part of the body is parsed."""

    deferring: ClassVar[Mapping[Any, Any]] = {CurrentUser: _DeferredUser}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler, which would report errors of the body first."""
        handle = super().get_route_handler()

        async def authenticate_first(request: Request) -> Response:
            request.state.claims = await _claims_of(services_of(request), _token_of(request))
            try:
                return await handle(request)
            except RequestValidationError:
                deferred: Deferred | None = getattr(request.state, "deferred_user", None)
                if deferred is not None:  # a session that has ended is reported before an invalid parameter
                    await services_of(request).run(deferred.compute)
                raise

        return authenticate_first


async def get_claims(request: Request) -> SessionClaims:
    """Return the claims of the caller's token, for routes whose token has been verified."""
    claims: SessionClaims = request.state.claims
    return claims


type Claims = Annotated[SessionClaims, Depends(get_claims)]
