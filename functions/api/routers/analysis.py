"""Analyses: ask for one, list them, see one whole, try one again."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from functions.api.authentication import UNAUTHENTICATED, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import PageNumber, Services, ServicesDep, SessionDep
from functions.api.errors import ErrorOut
from functions.api.idempotent_call import RETRY_AFTER, IdempotentCall, IdempotentCallDep, call_responses
from functions.api.pages import PageOut, page_out
from whyviral.analysis import service as analysis_service
from whyviral.analysis.admission import admit, check_daily_budget, parse_post_urls
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.analysis.retry import retry
from whyviral.analysis.schemas import AcceptedRequests, AnalyzeBody, RequestDetail, RequestSummary
from whyviral.core.logging import build_logger
from whyviral.integrations.errors import ProviderError
from whyviral.throttling.rate_limits import ANALYSIS_RATE

router = APIRouter(prefix="/api/analysis", tags=["analysis"], route_class=AuthenticatedRoute, responses=UNAUTHENTICATED)
logger: Logger = build_logger("api")

_NO_MONEY: dict[int | str, dict[str, Any]] = {
    503: {
        "model": ErrorOut,
        "description": "`spend_limit_reached`: nothing more is analysed before midnight, UTC; nothing was counted. "
        "Else something we depend on is not available; try again.",
        "headers": RETRY_AFTER,
    },
}
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: _NO_MONEY[503]
    | {
        "description": "`platform_unavailable`: posts of a platform cannot be analysed at present; details give "
        "`platform`, and nothing was counted. " + _NO_MONEY[503]["description"]
    },
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {
        "model": ErrorOut,
        "description": "`max_urls_exceeded`: the plan does not allow this many URLs in one call. "
        "`usage_limit_reached`: nor this many today; details give `platform`, `limit`, `used`, `requested` and "
        "`resets_at`. `no_current_plan`: there is no plan.",
    },
    422: {
        "model": ErrorOut,
        "description": "`invalid_request`: the body has the wrong form. `too_many_urls`: over 100. "
        "`invalid_post_urls`: details give `url`, `reason` and `message` for each that is not a post. "
        "`idempotency_key_reused`: the key was sent with another request.",
    },
}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorOut, "description": "There is no such request, or it is somebody else's."}
}
_RETRY_REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {
        "model": ErrorOut,
        "description": "`usage_limit_reached`: the plan does not allow this many URLs today. "
        "`no_current_plan`: there is no plan.",
    },
    422: {
        "model": ErrorOut,
        "description": "`invalid_request`: the id or the key has the wrong form. "
        "`idempotency_key_reused`: the key was sent with another request.",
    },
}
_NOT_NOW = (
    "`analysis_still_running`: an attempt is under way. `analysis_complete`: nothing is left to try again. "
    "`retries_used_up`: it was tried again as often as it may be. Details give `retry_count` and `max_retries`. "
)


@router.post(
    "/analyze/",
    status_code=202,
    response_model=AcceptedRequests,
    responses=_REFUSALS | _UNAVAILABLE | call_responses(success=202),
)
def analyze(body: AnalyzeBody, call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Accept posts to explain: one request per platform, all or nothing."""
    posts = parse_post_urls(body.post_urls)
    with call.run_once(body, rate=ANALYSIS_RATE, check=room_check(call, services)) as once:
        requests = admit(
            once.session, call.user.id, posts, execution_arn_of=services.workflow.execution_arn, now=call.clock()
        )
        accepted = AcceptedRequests(requests=[RequestSummary.model_validate(request) for request in requests])
        answer = once.answer(accepted, status_code=202)
    for request in requests:  # committed: the executions find their rows
        _start(request, services)
    return answer


def room_check(call: IdempotentCall, services: Services) -> Callable[[Session], None]:
    """Return what refuses a call that would cost money on a day that may cost nothing more."""
    return partial(check_daily_budget, max_usd_per_day=services.max_cost_usd_per_day, now=call.clock())


def _start(request: PostAnalysisRequest, services: ServicesDep) -> None:
    try:
        services.workflow.start(request.id, request.attempt)
    except ProviderError as exc:
        # What is committed is started later; the user's call has succeeded.
        logger.warning("execution not started", extra={"request": str(request.id), "provider": exc.provider})


@router.get("/requests/", response_model=PageOut[RequestSummary])
def list_requests(
    request: Request, user: CurrentUser, session: SessionDep, services: ServicesDep, page: PageNumber = 1
) -> Any:
    """List the caller's requests, newest first."""
    found = analysis_service.list_requests(session, user.id, page=page)
    return page_out(found, RequestSummary, request=request, services=services)


@router.get("/requests/{request_id}/", response_model=RequestDetail, responses=_NOT_FOUND)
def get_request(request_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> Any:
    """Return a request with its history, its URLs and its analyses."""
    return analysis_service.get_request(session, user.id, request_id)


@router.post(
    "/requests/{request_id}/retry/",
    status_code=202,
    response_model=RequestSummary,
    responses=_NOT_FOUND | _RETRY_REFUSALS | _NO_MONEY | call_responses(success=202, conflicts=_NOT_NOW),
)
def retry_request(request_id: uuid.UUID, call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Try an ended request again: its posts without an analysis, and those with a partial one, go on where they are."""
    with call.run_once(None, rate=ANALYSIS_RATE, check=room_check(call, services)) as once:
        request = retry(
            once.session,
            call.user.id,
            request_id,
            execution_arn_of=services.workflow.execution_arn,
            now=call.clock(),
        )
        answer = once.answer(RequestSummary.model_validate(request), status_code=202)
    _start(request, services)  # committed: the execution finds its row
    return answer
