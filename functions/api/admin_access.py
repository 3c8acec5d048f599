"""Who may use the routes of administrators; to everybody else there are none."""

from fastapi import Request

from whyviral.analytics.events import Event, require_event
from whyviral.analytics.models import EventCategory
from whyviral.core.errors import AppError

from .authentication import CurrentUser
from .dependencies import SessionDep
from .errors import NOTHING_HERE


class NotAdministrator(AppError):
    """The caller is no administrator, to whom there is nothing at this address."""

    status_code = 404
    code = "not_found"

    def __init__(self) -> None:
        super().__init__(NOTHING_HERE)


def require_administrator(request: Request, user: CurrentUser, session: SessionDep) -> None:
    """Let administrators in, and write down what they read: without that record they read nothing."""
    if not user.is_admin:
        raise NotAdministrator
    details = {"path": request.url.path, "query": sorted(request.query_params)}
    require_event(session, Event(EventCategory.API, "admin_read", user.id, details=details))
