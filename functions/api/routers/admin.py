"""Administration: reading what there is of everybody; nothing here changes anything but the record of who has read."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from functions.api.admin_access import require_administrator
from functions.api.authentication import UNAUTHENTICATED, AuthenticatedRoute
from functions.api.dependencies import PageNumber, ServicesDep, SessionDep
from functions.api.errors import ErrorOut
from functions.api.pages import PageOut, page_out
from whyviral.accounts.schemas import Email
from whyviral.admin import analyses as analysis_oversight
from whyviral.admin import logs as log_oversight
from whyviral.admin import users as account_oversight
from whyviral.admin import webhook_events as billing_oversight
from whyviral.admin.analyses import AnyRequestOut, TimelineOut
from whyviral.admin.logs import AuthenticationOut, CallOut, DayOut, first_of
from whyviral.admin.users import UserOverview
from whyviral.admin.webhook_events import WebhookOut
from whyviral.analysis.models import RequestStatus
from whyviral.webhooks.models import EventState

_RESPONSES: dict[int | str, dict[str, Any]] = UNAUTHENTICATED | {
    404: {"model": ErrorOut, "description": "The caller is no administrator, or there is no such row."}
}
router = APIRouter(
    prefix="/api/admin",
    tags=["administration"],
    route_class=AuthenticatedRoute,
    responses=_RESPONSES,
    dependencies=[Depends(require_administrator, scope="function")],
)

type LastDays = Annotated[int, Query(ge=1, le=400, description="How many UTC days, today included.")]
type Provider = Annotated[str, Query(pattern=r"^[a-z0-9_]{1,40}$", description="Such as `gemini`.")]


@router.get("/users/", response_model=PageOut[UserOverview])
def list_users(
    request: Request, session: SessionDep, services: ServicesDep, page: PageNumber = 1, email: Email | None = None
) -> Any:
    """List all users with their plans, the newest first, or the one with an e-mail address."""
    found = account_oversight.list_users(session, page=page, email=email)
    return page_out(found, UserOverview, request=request, services=services)


@router.get("/requests/", response_model=PageOut[AnyRequestOut])
def list_requests(
    request: Request,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    user_id: uuid.UUID | None = None,
    status: RequestStatus | None = None,
) -> Any:
    """List the analysis requests of everybody, the newest first."""
    found = analysis_oversight.list_requests(session, page=page, user_id=user_id, status=status)
    return page_out(found, AnyRequestOut, request=request, services=services)


@router.get("/requests/{request_id}/", response_model=TimelineOut)
def get_request(request_id: uuid.UUID, session: SessionDep) -> Any:
    """Return an analysis request with its steps, its calls to vendors and its events."""
    return analysis_oversight.get_timeline(session, request_id)


@router.get("/external-calls/", response_model=PageOut[CallOut])
def list_external_calls(
    request: Request,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    days: LastDays = 7,
    provider: Provider | None = None,
) -> Any:
    """List the calls to vendors, the latest first."""
    since = first_of(days, services.clock())
    found = log_oversight.list_calls(session, page=page, since=since, provider=provider)
    return page_out(found, CallOut, request=request, services=services)


@router.get("/costs/", response_model=PageOut[DayOut])
def list_costs(
    request: Request, session: SessionDep, services: ServicesDep, page: PageNumber = 1, days: LastDays = 30
) -> Any:
    """List what calls to vendors cost, by day and vendor, the latest day first."""
    found = log_oversight.list_days(session, page=page, since=first_of(days, services.clock()))
    return page_out(found, DayOut, request=request, services=services)


@router.get("/auth-events/", response_model=PageOut[AuthenticationOut])
def list_auth_events(
    request: Request,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    days: LastDays = 7,
    user_id: uuid.UUID | None = None,
) -> Any:
    """List who signed in, up or out, or tried to, the latest first."""
    since = first_of(days, services.clock())
    found = log_oversight.list_authentications(session, page=page, since=since, user_id=user_id)
    return page_out(found, AuthenticationOut, request=request, services=services)


@router.get("/webhooks/", response_model=PageOut[WebhookOut])
def list_webhooks(
    request: Request,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    state: EventState | None = None,
) -> Any:
    """List the inbox of webhooks, the latest first."""
    found = billing_oversight.list_webhooks(session, page=page, state=state)
    return page_out(found, WebhookOut, request=request, services=services)
