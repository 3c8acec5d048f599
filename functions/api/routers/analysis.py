"""Routes that start, list, show and retry analyses."""

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools import Logger
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import PageField, Services, ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from functions.api.idempotent_call import IdempotentCall, IdempotentCallDep, call_responses
from functions.api.pages import PageOut, page_out
from whyviral.accounts.service import NoCurrentPlan, VerifiedEmailRequired
from whyviral.accounts.verification import require_verified_user
from whyviral.analysis import service as analysis_service
from whyviral.analysis.admission import (
    FreeShareReached,
    InvalidPostUrls,
    PlanUrlLimitExceeded,
    PlatformUnavailable,
    SpendLimitReached,
    TooManyUrls,
    admit,
    check_daily_budget,
    parse_post_urls,
)
from whyviral.analysis.creators.handle_admission import InvalidCreatorHandle, admit_handle, parse_creator
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus
from whyviral.analysis.retry import AnalysisComplete, AnalysisStillRunning, RetriesUsedUp, retry
from whyviral.analysis.schemas import (
    DEFAULT_POSTS_OF_A_HANDLE,
    AcceptedRequests,
    AnalyzeBody,
    RequestDetail,
    RequestSummary,
)
from whyviral.analysis.service import RequestNotFound
from whyviral.analysis.user_requests import deletion, history
from whyviral.analysis.user_requests.deletion import RequestStillRunning
from whyviral.analysis.user_requests.history import RequestFilter
from whyviral.core.logging import build_logger
from whyviral.integrations.errors import ProviderError
from whyviral.social.platforms import Platform
from whyviral.throttling.rate_limits import ANALYSIS_RATE
from whyviral.usage.service import UsageLimitReached

router = APIRouter(
    prefix="/api/analysis", tags=["analysis"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)
logger: Logger = build_logger("api")
_SOME_WORD = r"^[^\x00]*[^\s\x00-\x1f][^\x00]*$"
"""Postgres cannot store the character NUL in a text."""


class RequestList(PageOut[RequestSummary]):
    """One page of analysis requests."""


class RequestsQuery(BaseModel):
    """Which requests to list."""

    search: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            pattern=_SOME_WORD,
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
    admit_body = _admission_of(body, call, services)
    if services.require_verified_email:
        require_verified_user(call.session, call.user, clerk=services.clerk, now=call.clock())
    with call.run_once(body, rate=ANALYSIS_RATE, check=budget_check(call, services)) as once:
        requests = admit_body(once.session)
        accepted = AcceptedRequests(requests=[RequestSummary.model_validate(request) for request in requests])
        answer = once.answer(accepted, status_code=202)
    for request in requests:  # after the commit, so that the executions find their rows
        _start(request, services)
    return answer


def _admission_of(
    body: AnalyzeBody, call: IdempotentCall, services: Services
) -> Callable[[Session], Sequence[PostAnalysisRequest]]:
    """Return what admits the body, after checking its URLs or its handle."""
    user_id, arn_of, now = call.user.id, services.workflow.execution_arn, call.clock()
    if body.handle is None:
        posts = parse_post_urls(body.post_urls or [])
        return lambda session: admit(session, user_id, posts, execution_arn_of=arn_of, now=now)
    creator, number = parse_creator(body.handle, body.platform), body.posts or DEFAULT_POSTS_OF_A_HANDLE
    return lambda session: [admit_handle(session, user_id, creator, posts=number, execution_arn_of=arn_of, now=now)]


def budget_check(call: IdempotentCall, services: Services) -> Callable[[Session], None]:
    """Return a check that refuses calls once the daily budget, or its share for Free users, is used up."""
    return partial(
        check_daily_budget,
        call.user.id,
        max_usd_per_day=services.max_cost_usd_per_day,
        free_share=services.free_share_of_day,
        now=call.clock(),
    )


def _start(request: PostAnalysisRequest, services: ServicesDep) -> None:
    try:
        services.workflow.start(request.id, request.attempt)
    except ProviderError as exc:
        # The call succeeds: the sweeper starts requests that were committed but not started.
        logger.warning("execution not started", extra={"request": str(request.id), "provider": exc.provider})


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
    with call.run_once(None, rate=ANALYSIS_RATE, check=budget_check(call, services)) as once:
        request = retry(
            once.session,
            call.user.id,
            request_id,
            execution_arn_of=services.workflow.execution_arn,
            now=call.clock(),
        )
        answer = once.answer(RequestSummary.model_validate(request), status_code=202)
    _start(request, services)  # after the commit, so that the execution finds its row
    return answer
