"""Accounts: the caller's own profile, subscription and session, and the plans that everybody may see."""

from typing import Any

from fastapi import APIRouter, Request

from functions.api.authentication import UNAUTHENTICATED, AuthenticatedRoute, Claims, CurrentUser
from functions.api.dependencies import CallerDep, PageNumber, ServicesDep, SessionDep
from functions.api.errors import ErrorOut
from functions.api.pages import PageOut, page_out
from functions.api.sign_out import sign_out
from whyviral.accounts import service as account_service
from whyviral.accounts.schemas import PlanOut, ProfileChanges, ProfileOut, SignedOut, SubscriptionOut

PREFIX = "/api/accounts"
router = APIRouter(prefix=PREFIX, tags=["accounts"], route_class=AuthenticatedRoute, responses=UNAUTHENTICATED)
public_router = APIRouter(prefix=PREFIX, tags=["accounts"])

_NO_SUBSCRIPTION: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorOut, "description": "`no_current_subscription`: there is none in force."}
}


@router.get("/me/", response_model=ProfileOut)
async def get_me(user: CurrentUser) -> Any:
    """Return the caller's profile."""
    # Async only because a plain one would be run, and its answer be checked, in a thread each: nothing waits here.
    return user


@router.patch("/me/", response_model=ProfileOut)
def change_me(changes: ProfileChanges, user: CurrentUser) -> Any:
    """Change the caller's name or company; a name that is set here is no longer taken from Clerk."""
    return account_service.rename(user, changes.model_dump(exclude_unset=True))


@router.get("/subscription/", response_model=SubscriptionOut, responses=_NO_SUBSCRIPTION)
def get_subscription(user: CurrentUser, session: SessionDep) -> Any:
    """Return the caller's current subscription with its plan."""
    return account_service.get_user_subscription(session, user.id)


@router.post("/logout/", response_model=SignedOut)
def logout(user: CurrentUser, claims: Claims, session: SessionDep, services: ServicesDep, caller: CallerDep) -> Any:
    """End the session of this token: here at once, at Clerk as well where it can be reached."""
    return sign_out(session, services, user_id=user.id, session_id=claims.session_id, caller=caller)


@public_router.get("/plans/", response_model=PageOut[PlanOut])
def list_plans(request: Request, session: SessionDep, services: ServicesDep, page: PageNumber = 1) -> Any:
    """List the plans, the cheapest first; needs no token."""
    found = account_service.list_plans(session, page=page)
    return page_out(found, PlanOut, request=request, services=services)
