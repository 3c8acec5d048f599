"""Who may use the routes of administrators; for other callers those routes do not exist."""

from fastapi import Request

from whyviral.analytics.events import Event, require_event
from whyviral.analytics.models import EventCategory

from .authentication import CurrentUser
from .dependencies import SessionDep
from .errors import NothingHere


class NotAdministrator(NothingHere):
    """The caller is not an administrator, so the answer is that of an address without a route."""


def require_administrator(request: Request, user: CurrentUser, session: SessionDep) -> None:
    """Admit administrators and record what they read; if the record fails, the request fails too."""
    if not user.is_admin:
        raise NotAdministrator
    details = {"path": request.url.path, "query": sorted(request.query_params)}
    require_event(session, Event(EventCategory.API, "admin_read", user.id, details=details))
