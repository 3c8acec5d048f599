"""The caller of one HTTP request: verified before the body is read, loaded when a tool needs the user's row."""

from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.requests import Request

from whyviral.accounts.api_keys import ApiScope
from whyviral.accounts.bearer_tokens import token_in, verify_bearer
from whyviral.accounts.models import User
from whyviral.accounts.sessions import get_session_user
from whyviral.analytics.authentications import Caller
from whyviral.integrations.clerk.session_tokens import SessionClaims

from .services import Services


@dataclass(frozen=True, slots=True)
class McpCaller:
    """A caller whose token or key allows reading."""

    services: Services
    request: Request
    claims: SessionClaims

    async def require(self, scope: ApiScope) -> None:
        """Check that an API key has a scope. A key that was verified a moment ago is not verified again.

        Raises:
            ApiKeyScopeMissing: the key has other scopes only.
        """
        await _verify(self.services, self.request, scope)

    def user(self, session: Session) -> User:
        """Return the caller's row. The first request of a user creates it, with a Free subscription.

        Raises:
            AccountDeleted: the user was deleted here.
            SessionRevoked: the session has ended here.
        """
        caller = origin_of(self.request)
        user = get_session_user(session, self.claims, clerk=self.services.clerk, caller=caller)
        self.request.state.user_id = user.id  # for the access log
        return user


async def verified_caller(services: Services, request: Request) -> McpCaller:
    """Verify the token or the key of a request without reading its body."""
    return McpCaller(services, request, await _verify(services, request, ApiScope.READ))


async def _verify(services: Services, request: Request, scope: ApiScope) -> SessionClaims:
    token = token_in(request.headers.get("authorization", ""))
    return await verify_bearer(services, token, scope=scope, caller=lambda: origin_of(request))


def origin_of(request: Request) -> Caller:
    """Return the origin of a request. The address is that of the connection, never one from a header."""
    return Caller.of(
        address=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent", ""),
        request_id=str(request.state.request_id),
    )
