"""Accepts analyses: checks, limits and admits a user's call, and starts the executions of its requests."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Protocol

from aws_lambda_powertools import Logger
from pydantic import Field
from sqlalchemy.orm import Session

from whyviral.accounts.models import User
from whyviral.accounts.verification import require_verified_user
from whyviral.analysis.admission import admit, check_daily_budget, parse_post_urls
from whyviral.analysis.creators.handle_admission import admit_handle, parse_creator
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.analysis.schemas import DEFAULT_POSTS_OF_A_HANDLE, AcceptedRequests, AnalyzeBody, RequestSummary
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.trace import new_trace_id
from whyviral.integrations.aws.step_functions import Workflow
from whyviral.integrations.clerk.client import ClerkClient
from whyviral.integrations.errors import ProviderError
from whyviral.throttling.idempotency import StoredAnswer
from whyviral.throttling.idempotent_call import IdempotentCall
from whyviral.throttling.rate_limits import ANALYSIS_RATE
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.settings import DayBudgetSettings

logger: Logger = build_logger("api")


class IntakeSettings(DayBudgetSettings):
    """Base class for the settings of deployables that accept analyses."""

    require_verified_email: bool = True
    """Whether an analysis requires a verified e-mail address, phone number or wallet."""
    free_share_of_day: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.2")
    """The share of MAX_COST_USD_PER_DAY that all users of the Free plan together may use."""
    state_machine_arn: str


class Budgets(Protocol):
    """The limits of what may be spent in a day."""

    @property
    def max_cost_usd_per_day(self) -> Decimal:
        """The daily budget for all calls to vendors together."""
        ...

    @property
    def free_share_of_day(self) -> Decimal:
        """The share of the daily budget, from 0 to 1, that Free users may use."""
        ...


class IntakeServices(Budgets, Protocol):
    """The collaborators that accept analyses."""

    @property
    def workflow(self) -> Workflow:
        """Starts executions."""
        ...

    @property
    def require_verified_email(self) -> bool:
        """Whether only verified accounts may start an analysis."""
        ...

    def clerk(self, calls: CallCollector) -> ClerkClient:
        """Return a client of Clerk that records its calls."""
        ...


def accept(call: IdempotentCall, user: User, body: AnalyzeBody, services: IntakeServices) -> StoredAnswer:
    """Admit the posts or the handle of a call, start their executions, and return `AcceptedRequests` as an answer."""
    admit_body = _admission_of(body, call, services.workflow)
    if services.require_verified_email:
        require_verified_user(call.session, user, clerk=services.clerk, now=call.clock())
    check = budget_check(user.id, services, now=call.clock())
    with call.run_once(body, rate=ANALYSIS_RATE, check=check) as once:
        requests = admit_body(once.session)
        accepted = AcceptedRequests(requests=[RequestSummary.model_validate(request) for request in requests])
        answer = once.answer(accepted, status_code=202)
    for request in requests:  # after the commit, so that the executions find their rows
        start(request, services.workflow)
    return answer


def _admission_of(
    body: AnalyzeBody, call: IdempotentCall, workflow: Workflow
) -> Callable[[Session], Sequence[PostAnalysisRequest]]:
    """Return what admits the body, after checking its URLs or its handle."""
    user_id, arn_of, now = call.user_id, workflow.execution_arn, call.clock()
    if body.handle is None:
        posts = parse_post_urls(body.post_urls or [])
        return lambda session: admit(session, user_id, posts, execution_arn_of=arn_of, now=now)
    creator, number = parse_creator(body.handle, body.platform), body.posts or DEFAULT_POSTS_OF_A_HANDLE
    return lambda session: [admit_handle(session, user_id, creator, posts=number, execution_arn_of=arn_of, now=now)]


def budget_check(user_id: uuid.UUID, budgets: Budgets, *, now: datetime) -> Callable[[Session], None]:
    """Return a check that refuses calls once the daily budget, or its share for Free users, is used up."""
    return partial(
        check_daily_budget,
        user_id,
        max_usd_per_day=budgets.max_cost_usd_per_day,
        free_share=budgets.free_share_of_day,
        now=now,
    )


def start(request: PostAnalysisRequest, workflow: Workflow) -> None:
    """Start the execution of a committed request."""
    try:
        workflow.start(request.id, request.attempt, trace_id=request.trace_id or new_trace_id())
    except ProviderError as exc:
        # The call succeeds: the sweeper starts requests that were committed but not started.
        logger.warning("execution not started", extra={"request": str(request.id), "provider": exc.provider})
