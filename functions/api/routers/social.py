"""Public posts that a request has made readable."""

import uuid
from typing import Any

from fastapi import APIRouter, Request

from functions.api.authentication import UNAUTHENTICATED, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import PageNumber, ServicesDep, SessionDep
from functions.api.errors import ErrorOut
from functions.api.pages import PageOut, page_out
from whyviral.analysis import service as analysis_service
from whyviral.social.schemas import PostOut

router = APIRouter(prefix="/api/social", tags=["social"], route_class=AuthenticatedRoute, responses=UNAUTHENTICATED)


@router.get(
    "/posts/analysis/{analysis_request_id}/",
    response_model=PageOut[PostOut],
    responses={404: {"model": ErrorOut, "description": "There is no such request, or it is somebody else's."}},
)
def list_posts(
    analysis_request_id: uuid.UUID,
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
) -> Any:
    """List the posts of a request with their media, in the order of its URLs."""
    found = analysis_service.list_posts(session, user.id, analysis_request_id, page=page)
    return page_out(found, PostOut, request=request, services=services)
