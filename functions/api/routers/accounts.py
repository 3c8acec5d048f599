"""Accounts: the caller's own profile, subscription and session, and the public list of plans."""

from typing import Any

from fastapi import APIRouter, Request

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, Claims, CurrentUser
from functions.api.dependencies import CallerDep, PageNumber, ServicesDep, SessionDep
from functions.api.error_responses import DATABASE, error_responses
from functions.api.pages import PageOut, page_out
from functions.api.sign_out import sign_out
from functions.api.transactions import TransactionRoute
from whyviral.accounts import service as account_service
from whyviral.accounts.schemas import PlanOut, ProfileChanges, ProfileOut, SignedOut, SubscriptionOut
from whyviral.accounts.service import NoCurrentSubscription

PREFIX = "/api/accounts"
router = APIRouter(
    prefix=PREFIX, tags=["accounts"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)
public_router = APIRouter(
    prefix=PREFIX, tags=["accounts"], route_class=TransactionRoute, responses=error_responses(*DATABASE)
)


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


@router.get(
    "/subscription/", response_model=SubscriptionOut, responses=error_responses(*SIGNED_IN, NoCurrentSubscription)
)
def get_subscription(user: CurrentUser, session: SessionDep) -> Any:
    """Return the caller's current subscription with its plan."""
    return account_service.get_user_subscription(session, user.id)


@router.post("/logout/", response_model=SignedOut)
def log_out(user: CurrentUser, claims: Claims, session: SessionDep, services: ServicesDep, caller: CallerDep) -> Any:
    """End the session of this token: here at once, and at Clerk if Clerk can be reached."""
    return sign_out(session, services, user_id=user.id, session_id=claims.session_id, caller=caller)


@public_router.get("/plans/", response_model=PlanList)
def list_plans(request: Request, session: SessionDep, services: ServicesDep, page: PageNumber = 1) -> Any:
    """List the plans, cheapest first. Needs no token."""
    found = account_service.list_plans(session, page=page)
    return page_out(found, PlanList, request=request, services=services)
