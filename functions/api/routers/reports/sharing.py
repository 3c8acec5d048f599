"""Routes for share links, and the public route that shows a shared report."""

import uuid
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Engine

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.console.pages import SHARED_PAGE
from functions.api.dependencies import CallerDep, ServicesDep, SessionDep
from functions.api.error_responses import DATABASE, error_responses
from functions.api.idempotent_call import RATE_HEADERS, rate_headers
from functions.api.transactions import TransactionRoute
from whyviral.accounts.client_network import network_of
from whyviral.analysis.service import RequestNotFound
from whyviral.analysis.sharing import service as sharing_service
from whyviral.analysis.sharing.schemas import SharedReport, ShareLinkOut
from whyviral.analysis.sharing.service import SHARED_RATE, ReportNotReady, SharedReportNotFound
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.throttling.rate_limits import RateLimited, RateState, hit

_PRIVATE = {"X-Robots-Tag": "noindex, nofollow"}

router = APIRouter(
    prefix="/api/analysis", tags=["sharing"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)
public_router = APIRouter(
    prefix="/api/shared", tags=["sharing"], route_class=TransactionRoute, responses=error_responses(*DATABASE)
)


@router.post(
    "/requests/{request_id}/share/",
    status_code=HTTPStatus.CREATED,
    response_model=ShareLinkOut,
    responses=error_responses(*SIGNED_IN, RequestNotFound, ReportNotReady),
)
def create_share_link(request_id: uuid.UUID, user: CurrentUser, session: SessionDep, services: ServicesDep) -> Any:
    """Create a link with which anyone can read the report of an ended request. It replaces an earlier link.

    A shared report contains no notes, chats, costs or data about its user. The link is shown once. It leads to a page
    for people; programs read `/api/shared/<token>/` with the token behind its `#`.
    """
    token = sharing_service.create_link(session, user.id, request_id)
    return ShareLinkOut(url=f"{services.public_base_url}{SHARED_PAGE}#{token}")


@router.delete(
    "/requests/{request_id}/share/",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(*SIGNED_IN, RequestNotFound),
)
def revoke_share_link(request_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Revoke the link to a report. The link stops working at once; without a link nothing changes."""
    sharing_service.revoke_link(session, user.id, request_id)


@public_router.get(
    "/{token}/",
    response_model=SharedReport,
    responses={
        **error_responses(*DATABASE, SharedReportNotFound, RateLimited),
        HTTPStatus.OK: {"headers": RATE_HEADERS},
    },
)
def get_shared_report(
    token: str, request: Request, session: SessionDep, services: ServicesDep, caller: CallerDep
) -> Any:
    """Return the public part of a shared report. Needs no token; search engines are asked not to index it."""
    request.state.answer_headers = _PRIVATE
    state = _count(services.engine, caller.address, services.clock)
    request.state.answer_headers = _PRIVATE | rate_headers(SHARED_RATE, state)
    if not state.allowed:
        raise RateLimited(SHARED_RATE, state)
    return sharing_service.get_shared_report(session, token)


def _count(engine: Engine, address: str | None, clock: Clock) -> RateState:
    """Count a call of this address in a transaction of its own, because the one of the request is read-only."""
    with session_scope(engine) as session:
        return hit(
            session,
            scope=SHARED_RATE.scope,
            subject=network_of(address),
            limit=SHARED_RATE.limit,
            window=SHARED_RATE.window,
            now=clock(),
        )
