"""Routes that start, list, show and retry analyses."""

import uuid
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import PageField, ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from functions.api.idempotent_call import IdempotentCallDep, call_responses, response_of
from functions.api.pages import PageOut, page_out
from whyviral.accounts.service import NoCurrentPlan, VerifiedEmailRequired
from whyviral.analysis import service as analysis_service
from whyviral.analysis.admission import (
    FreeShareReached,
    InvalidPostUrls,
    PlanUrlLimitExceeded,
    PlatformUnavailable,
    SpendLimitReached,
    TooManyUrls,
)
from whyviral.analysis.creators.handle_admission import InvalidCreatorHandle
from whyviral.analysis.models import RequestStatus
from whyviral.analysis.retry import AnalysisComplete, AnalysisStillRunning, RetriesUsedUp, retry
from whyviral.analysis.schemas import (
    AcceptedRequests,
    AnalyzeBody,
    RequestDetail,
    RequestSummary,
)
from whyviral.analysis.service import RequestNotFound
from whyviral.analysis.user_requests import deletion, history, intake
from whyviral.analysis.user_requests.deletion import RequestStillRunning
from whyviral.analysis.user_requests.history import MAX_SEARCH_CHARACTERS, SEARCH_PATTERN, RequestFilter
from whyviral.social.platforms import Platform
from whyviral.throttling.rate_limits import ANALYSIS_RATE
from whyviral.usage.service import UsageLimitReached

router = APIRouter(
    prefix="/api/analysis", tags=["analysis"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)


class RequestList(PageOut[RequestSummary]):
    """One page of analysis requests."""


class RequestsQuery(BaseModel):
    """Which requests to list."""

    search: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_SEARCH_CHARACTERS,
            pattern=SEARCH_PATTERN,
            description="Only requests with all of these words, or parts of words, in their handle or name, or in the "
            "authors, texts and URLs of their posts.",
        ),
    ] = None
    status: Annotated[
        list[RequestStatus],
        Field(max_length=len(RequestStatus), description="Only requests with this status; repeat it for several."),
    ] = []
    platform: Annotated[Platform | None, Field(description="Only requests for posts of this platform.")] = None
    page: PageField = 1


@router.post(
    "/analyze/",
    status_code=202,
    response_model=AcceptedRequests,
    responses=call_responses(
        202,
        TooManyUrls,
        InvalidPostUrls,
        InvalidCreatorHandle,
        PlanUrlLimitExceeded,
        UsageLimitReached,
        NoCurrentPlan,
        SpendLimitReached,
        PlatformUnavailable,
        FreeShareReached,
        VerifiedEmailRequired,
    ),
)
def analyze_posts(body: AnalyzeBody, call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Start the analysis of posts: one request per platform for all of the URLs, or one for a creator's best posts."""
    return response_of(intake.accept(call, call.user, body, services))


@router.get("/requests/", response_model=RequestList)
def list_requests(
    query: Annotated[RequestsQuery, Query()],
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    services: ServicesDep,
) -> Any:
    """List the caller's analysis requests, newest first, or those that a search finds."""
    only = RequestFilter(search=query.search, statuses=query.status, platform=query.platform)
    found = history.list_requests(session, user.id, query.page, only)
    return page_out(found, RequestList, request=request, services=services)


@router.get(
    "/requests/{request_id}/", response_model=RequestDetail, responses=error_responses(*SIGNED_IN, RequestNotFound)
)
def get_request(request_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> Any:
    """Return an analysis request with its history, its URLs and its analyses."""
    return analysis_service.get_request(session, user.id, request_id)


@router.delete(
    "/requests/{request_id}/",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(*SIGNED_IN, RequestNotFound, RequestStillRunning),
)
def delete_request(request_id: uuid.UUID, user: CurrentUser, session: SessionDep, services: ServicesDep) -> None:
    """Delete an ended request with its analyses, notes and chats. What was used and paid stays counted."""
    deletion.delete_request(session, user.id, request_id, now=services.clock())


@router.post(
    "/requests/{request_id}/retry/",
    status_code=202,
    response_model=RequestSummary,
    responses=call_responses(
        202,
        RequestNotFound,
        AnalysisStillRunning,
        AnalysisComplete,
        RetriesUsedUp,
        UsageLimitReached,
        NoCurrentPlan,
        SpendLimitReached,
        FreeShareReached,
    ),
)
def retry_request(request_id: uuid.UUID, call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Retry an ended request: posts without an analysis, or with a partial one, resume where they stopped."""
    check = intake.budget_check(call.user.id, services, now=call.clock())
    with call.run_once(None, rate=ANALYSIS_RATE, check=check) as once:
        request = retry(
            once.session,
            call.user.id,
            request_id,
            execution_arn_of=services.workflow.execution_arn,
            now=call.clock(),
        )
        answer = once.answer(RequestSummary.model_validate(request), status_code=202)
    intake.start(request, services.workflow)  # after the commit, so that the execution finds its row
    return response_of(answer)
