"""The caller of a route: verifies the token or API key before the body is read, and loads the user's row on demand."""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from whyviral.accounts.api_keys import (
    ApiKeyNotAllowed,
    ApiKeyScopeMissing,
    ApiScope,
    InvalidApiKey,
)
from whyviral.accounts.bearer_tokens import NotAuthenticated, token_in, verify_bearer
from whyviral.accounts.models import User
from whyviral.accounts.service import AccountDeleted, SessionRevoked
from whyviral.accounts.sessions import InvalidToken, get_session_user
from whyviral.integrations.clerk.session_tokens import SessionClaims
from whyviral.integrations.errors import ProviderRefusedUs, ProviderUnavailable
from whyviral.throttling.rate_limits import RateLimited

from .dependencies import SessionDep, caller_of, services_of
from .error_responses import DATABASE, Errors
from .transactions import Deferred, TransactionRoute

TOKEN_ERRORS: Errors = (InvalidToken, SessionRevoked, AccountDeleted)
"""The errors that refuse a session token."""
KEY_ERRORS: Errors = (InvalidApiKey, ApiKeyNotAllowed, ApiKeyScopeMissing, RateLimited)
"""The errors that refuse an API key."""
SIGNED_IN: Errors = (
    *DATABASE,
    ProviderUnavailable,
    ProviderRefusedUs,
    NotAuthenticated,
    *TOKEN_ERRORS,
    *KEY_ERRORS,
)
"""The errors that every route for signed-in users can answer."""


_KEY_PATHS = ("/api/analysis/", "/api/social/")
_PROFILE, _USAGE = "/api/accounts/me/", "/api/accounts/usage/"
_WITHOUT_EFFECT = "/api/analysis/estimate/"


def scope_of(method: str, path: str) -> ApiScope | None:
    """Return the scope that an API key needs for a route; None if no key allows it, as for a new route elsewhere."""
    is_reading = method == "GET" or path == _WITHOUT_EFFECT
    if path.startswith(_KEY_PATHS):
        return ApiScope.READ if is_reading else ApiScope.WRITE
    is_readable = path == _PROFILE or path.startswith(_USAGE)
    return ApiScope.READ if is_reading and is_readable else None


documented_scheme = HTTPBearer(
    auto_error=False,
    scheme_name="ClerkSessionToken",
    description="A session token of Clerk, valid for one minute, or an API key of Clerk's (`ak_…`).",
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
    """A route whose session token or API key is verified before any part of the body is parsed."""

    deferring: ClassVar[Mapping[Any, Any]] = {CurrentUser: _DeferredUser}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler, which would report errors of the body first."""
        handle = super().get_route_handler()

        async def authenticate_first(request: Request) -> Response:
            token = token_in(request.headers.get("authorization", ""))
            scope = scope_of(request.method, self.path)
            request.state.claims = await verify_bearer(
                services_of(request), token, scope=scope, caller=lambda: caller_of(request)
            )
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
