"""Routes for the caller's own profile, subscription and session, and the public list of plans."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from functions.api.account_deletion import DeletionByAnotherPerson, delete_account
from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, Claims, CurrentUser, documented_scheme
from functions.api.dependencies import CallerDep, PageNumber, ServicesDep, SessionDep
from functions.api.error_responses import CLERK, DATABASE, error_responses
from functions.api.pages import PageOut, page_out
from functions.api.transactions import TransactionRoute
from whyviral.accounts import repository as accounts_repository
from whyviral.accounts import service as account_service
from whyviral.accounts.schemas import PlanOut, ProfileChanges, ProfileOut, SignedOut, SubscriptionOut
from whyviral.accounts.service import NoCurrentSubscription
from whyviral.accounts.sign_out import sign_out
from whyviral.admin.user_data import Owner
from whyviral.admin.user_export import ExportLine, InvalidExportCursor, export_page
from whyviral.billing.notices import get_current_subscription

PREFIX = "/api/accounts"
router = APIRouter(
    prefix=PREFIX, tags=["accounts"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)
public_router = APIRouter(
    prefix=PREFIX, tags=["accounts"], route_class=TransactionRoute, responses=error_responses(*DATABASE)
)


class NdjsonResponse(JSONResponse):
    """Newline-delimited JSON, which is bytes already; the base class makes FastAPI document its lines."""

    media_type = "application/x-ndjson"

    def render(self, content: bytes) -> bytes:
        """Return the bytes as they are."""
        return content


class PlanList(PageOut[PlanOut]):
    """One page of plans."""


@router.get("/me/", response_model=ProfileOut)
def get_me(user: CurrentUser) -> Any:
    """Return the caller's profile."""
    return user


@router.patch("/me/", response_model=ProfileOut)
def update_me(changes: ProfileChanges, user: CurrentUser) -> Any:
    """Change the caller's name or company. A name set here is no longer updated from Clerk."""
    return account_service.rename(user, changes.model_dump(exclude_unset=True))


@router.delete(
    "/me/",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[Depends(documented_scheme)],
    responses=error_responses(*SIGNED_IN, *CLERK, DeletionByAnotherPerson),
)
def delete_me(claims: Claims, session: SessionDep, services: ServicesDep) -> None:
    """Delete the caller's account for ever, and end its running requests. Repeating the call changes nothing."""
    delete_account(session, services, claims)


@router.get(
    "/me/export/",
    response_class=NdjsonResponse,
    responses={
        **error_responses(*SIGNED_IN, InvalidExportCursor),
        200: {"model": ExportLine, "description": "Lines of JSON, each an `ExportLine`; at most 4 MB."},
    },
)
def export_me(
    user: CurrentUser,
    session: SessionDep,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before.")] = None,
) -> Response:
    """Return all that is kept about the caller, a page of newline-delimited JSON at a time.

    The last line of a page holds `next_cursor`, which is null when the export is complete.
    """
    return NdjsonResponse(export_page(session, Owner(user.id, user.clerk_user_id), cursor=cursor))


@router.get(
    "/subscription/", response_model=SubscriptionOut, responses=error_responses(*SIGNED_IN, NoCurrentSubscription)
)
def get_subscription(user: CurrentUser, session: SessionDep) -> Any:
    """Return the caller's current subscription with its plan, and what must be shown about the billing."""
    return get_current_subscription(session, user.id)


@router.post("/logout/", response_model=SignedOut)
def log_out(user: CurrentUser, claims: Claims, session: SessionDep, services: ServicesDep, caller: CallerDep) -> Any:
    """End the session of this token: here at once, and at Clerk if Clerk answers."""
    return sign_out(session, user_id=user.id, session_id=claims.session_id, clerk=services.clerk, caller=caller)


@public_router.get("/plans/", response_model=PlanList)
def list_plans(request: Request, session: SessionDep, services: ServicesDep, page: PageNumber = 1) -> Any:
    """List the plans, cheapest first. Needs no token."""
    found = accounts_repository.list_active_plans(session, page=page)
    return page_out(found, PlanList, request=request, services=services)
