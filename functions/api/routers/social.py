"""The route that lists the posts of an analysis request."""

import uuid
from typing import Any

from fastapi import APIRouter, Request

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import PageNumber, ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from functions.api.pages import PageOut, page_out
from whyviral.analysis import service as analysis_service
from whyviral.analysis.service import RequestNotFound
from whyviral.social.schemas import PostOut

router = APIRouter(
    prefix="/api/social", tags=["social"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)


class PostList(PageOut[PostOut]):
    """One page of posts."""


@router.get(
    "/posts/analysis/{analysis_request_id}/",
    response_model=PostList,
    responses=error_responses(*SIGNED_IN, RequestNotFound),
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
    return page_out(found, PostList, request=request, services=services)
