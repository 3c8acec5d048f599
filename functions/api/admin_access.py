"""Access to the administration routes. Other callers get 404, as if the routes did not exist."""

from fastapi import Request

from whyviral.analytics.events import Event, require_event
from whyviral.analytics.models import EventCategory
from whyviral.core.database import allow_writes
from whyviral.core.errors import AppError

from .authentication import Claims, CurrentUser
from .dependencies import SessionDep
from .errors import NothingHere


class NotAdministrator(NothingHere):
    """The caller is not an administrator, so the answer is the same as for an address without a route."""


class ImpersonationNotAllowed(AppError):
    """The session belongs to an administrator, but another person acts in it."""

    status_code = 403
    code = "impersonation_not_allowed"

    def __init__(self) -> None:
        super().__init__("Admin pages are not available in an impersonated session; sign in as yourself.")


def require_administrator(request: Request, user: CurrentUser, claims: Claims, session: SessionDep) -> None:
    """Admit administrators and record what they read. If the record cannot be written, the request fails.

    Raises:
        NotAdministrator: the user is not an administrator.
        ImpersonationNotAllowed: the token names an actor (`act`), so the record would name the wrong person.
    """
    if not user.is_admin:
        raise NotAdministrator
    if claims.actor is not None:
        raise ImpersonationNotAllowed
    allow_writes(session)
    details = {"path": request.url.path, "query": sorted(request.query_params)}
    require_event(session, Event(EventCategory.API, "admin_read", user.id, details=details))
