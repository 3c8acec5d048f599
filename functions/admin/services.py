"""The collaborators of the panel, and how routes reach them and what the guard has read."""

from dataclasses import dataclass

from sqladmin.templating import Jinja2Templates
from sqlalchemy import Engine
from starlette.requests import Request

from whyviral.accounts.models import User
from whyviral.analytics.authentications import Caller
from whyviral.billing.provider_calls import Connect
from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.aws.event_queue import EventQueue
from whyviral.integrations.aws.step_functions import Workflow
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier

from .cookies import AdminSession, CookieSigner
from .settings import AdminSettings


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of one application, built by `create_app`."""

    settings: AdminSettings
    engine: Engine
    templates: Jinja2Templates
    cookies: CookieSigner
    verifier: SessionTokenVerifier
    workflow: Workflow
    queue: EventQueue
    dodo: Connect
    clock: Clock = utc_now


@dataclass(frozen=True, slots=True)
class Administrator:
    """The signed-in administrator of a request."""

    user: User
    session: AdminSession


def services_of(request: Request) -> Services:
    """Return the collaborators of the application that serves the request."""
    services: Services = request.state.services
    return services


def administrator_of(request: Request) -> Administrator:
    """Return the administrator that the guard has admitted."""
    administrator: Administrator = request.state.administrator
    return administrator


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of the form that the guard has read."""
    form: dict[str, str] = request.state.form
    return form


def caller_of(request: Request) -> Caller:
    """Return the caller of a request. The address is that of the connection, never one from a header."""
    return Caller.of(
        address=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent", ""),
        request_id=str(request.state.request_id),
    )
