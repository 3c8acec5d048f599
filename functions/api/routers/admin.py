"""Routes for administrators: reads across all users. They change nothing, except that each read is recorded."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from functions.api.admin_access import ImpersonationNotAllowed, NotAdministrator, require_administrator
from functions.api.authentication import SIGNED_IN, AuthenticatedRoute
from functions.api.dependencies import PageNumber, ServicesDep, SessionDep, WholeNumber
from functions.api.error_responses import error_responses
from functions.api.pages import PageOut, page_out
from whyviral.accounts.schemas import Email
from whyviral.admin import analyses, logs, users, webhook_events
from whyviral.admin.analyses import AnyRequestOut, TimelineOut
from whyviral.admin.logs import AuthenticationOut, CallOut, DayOut, first_of
from whyviral.admin.users import UserOverview
from whyviral.admin.webhook_events import WebhookOut
from whyviral.analysis.models import RequestStatus
from whyviral.analysis.service import RequestNotFound
from whyviral.webhooks.models import EventState

router = APIRouter(
    prefix="/api/admin",
    tags=["administration"],
    route_class=AuthenticatedRoute,
    responses=error_responses(*SIGNED_IN, NotAdministrator, ImpersonationNotAllowed),
    dependencies=[Depends(require_administrator, scope="function")],
)

LastDays = Annotated[int, WholeNumber, Query(ge=1, le=400, description="How many UTC days, today included.")]
Provider = Annotated[str, Query(pattern=r"^[a-z0-9_]{1,40}$", description="The vendor's name, such as `gemini`.")]


class UserList(PageOut[UserOverview]):
    """One page of users."""


class AdminRequestList(PageOut[AnyRequestOut]):
    """One page of analysis requests of all users."""


class ExternalCallList(PageOut[CallOut]):
    """One page of calls to vendors."""


class CostList(PageOut[DayOut]):
    """One page of costs by day and vendor."""


class AuthEventList(PageOut[AuthenticationOut]):
    """One page of sign-in events."""


class WebhookList(PageOut[WebhookOut]):
    """One page of received webhooks."""


@router.get("/users/", response_model=UserList)
def list_users(
    request: Request, session: SessionDep, services: ServicesDep, page: PageNumber = 1, email: Email | None = None
) -> Any:
    """List all users with their plans, newest first, or only the user with this e-mail address."""
    found = users.list_users(session, page=page, email=email)
    return page_out(found, UserList, request=request, services=services)


@router.get("/requests/", response_model=AdminRequestList)
def list_all_requests(
    request: Request,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    user_id: uuid.UUID | None = None,
    status: RequestStatus | None = None,
) -> Any:
    """List the analysis requests of all users, newest first."""
    found = analyses.list_requests(session, page=page, user_id=user_id, status=status)
    return page_out(found, AdminRequestList, request=request, services=services)


@router.get(
    "/requests/{request_id}/",
    response_model=TimelineOut,
    responses=error_responses(*SIGNED_IN, NotAdministrator, ImpersonationNotAllowed, RequestNotFound),
)
def get_timeline(request_id: uuid.UUID, session: SessionDep) -> Any:
    """Return an analysis request of any user with its steps, its calls to vendors and its events."""
    return analyses.get_timeline(session, request_id)


@router.get("/external-calls/", response_model=ExternalCallList)
def list_external_calls(
    request: Request,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    days: LastDays = 7,
    provider: Provider | None = None,
) -> Any:
    """List the calls to vendors, latest first."""
    since = first_of(days, services.clock())
    found = logs.list_calls(session, page=page, since=since, provider=provider)
    return page_out(found, ExternalCallList, request=request, services=services)


@router.get("/costs/", response_model=CostList)
def list_costs(
    request: Request, session: SessionDep, services: ServicesDep, page: PageNumber = 1, days: LastDays = 30
) -> Any:
    """List the cost of calls to vendors by day and vendor, latest day first."""
    found = logs.list_days(session, page=page, since=first_of(days, services.clock()))
    return page_out(found, CostList, request=request, services=services)


@router.get("/auth-events/", response_model=AuthEventList)
def list_auth_events(
    request: Request,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    days: LastDays = 7,
    user_id: uuid.UUID | None = None,
) -> Any:
    """List sign-ins, sign-ups and sign-outs, including failed attempts, latest first."""
    since = first_of(days, services.clock())
    found = logs.list_authentications(session, page=page, since=since, user_id=user_id)
    return page_out(found, AuthEventList, request=request, services=services)


@router.get("/webhooks/", response_model=WebhookList)
def list_webhooks(
    request: Request,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    state: EventState | None = None,
) -> Any:
    """List the received webhooks, latest first."""
    found = webhook_events.list_webhooks(session, page=page, state=state)
    return page_out(found, WebhookList, request=request, services=services)
