"""The common parts of all pipeline stages: jobs, results, fencing by attempt, and status steps."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.vendor_calls.budget_owner import OwnerCosts
from whyviral.vendor_calls.call_log import CallOwner

from .models import AnalysisRequestPost, AnalysisStatus, PostAnalysisRequest, PostState, Stage
from .repository import attempt_queries


class Outcome(StrEnum):
    """The outcome that a stage returns to the state machine.

    At the end of a request FAILED means that a part of our system failed and an operator should investigate.
    """

    WAIT = "wait"
    SUPERSEDED = "superseded"
    FETCHED = "fetched"
    COLLECTED = "collected"
    PROCESSED = "processed"
    ANALYSED = "analysed"
    COMPLETED = "completed"
    NO_RESULT = "no_result"
    FAILED = "failed"


class RequestJob(BaseModel):
    """The attempt that a stage works for, and the `BudgetOwner` of its calls; every stage's event has these fields."""

    model_config = ConfigDict(frozen=True)

    request_id: uuid.UUID
    attempt: int

    @property
    def lease_owner(self) -> uuid.UUID:
        """Return the owner id of this attempt's leases; the request's id would also match an older, running attempt."""
        return uuid.uuid5(self.request_id, str(self.attempt))

    @property
    def id(self) -> uuid.UUID:
        """Return the id of the request, to which costs are charged; see `BudgetOwner`."""
        return self.request_id

    @property
    def kind(self) -> str:
        """Return the word for the owner in messages to users."""
        return "analysis"

    @property
    def call_owner(self) -> CallOwner:
        """Return the owner under which the call log records this attempt's calls."""
        return CallOwner(analysis_request_id=self.request_id, attempt=self.attempt)

    def reserve(self, session: Session, usd: Decimal, *, max_usd: Decimal) -> bool:
        """Reserve the cost of one call; False if the attempt has ended or the request would exceed `max_usd`."""
        return attempt_queries.reserve_cost(session, self.request_id, self.attempt, usd, max_usd=max_usd)

    def is_current(self, session: Session) -> bool:
        """Return whether this is the current attempt of an unfinished request."""
        return attempt_queries.is_current(session, self.request_id, self.attempt)

    def settle(self, session: Session, costs: Sequence[OwnerCosts]) -> None:
        """Charge costs to this request, and costs of finished vendor jobs to the requests that started them."""
        for each in costs:
            attempt_queries.settle_cost(
                session, each.owner_id, calls=each.calls, cost_usd=each.cost_usd, released_usd=each.released_usd
            )


class PostJob(RequestJob):
    """One URL of the attempt; `request_post_id` is the id of its `analysis_request_posts` row."""

    request_post_id: uuid.UUID


class StageResult(BaseModel):
    """The result of a stage: ids and numbers, never content."""

    outcome: Outcome
    wait_s: int | None = None
    deliveries: Annotated[tuple[uuid.UUID, ...], Field(exclude=True)] = ()
    """Webhooks that the stage created, to be queued after its commit; they are not part of the result."""


class PostResult(StageResult):
    """The result of a stage for one URL."""

    request_post_id: uuid.UUID


class CollectResult(PostResult):
    """The result of CollectMedia for one URL."""

    needs_worker: bool = False
    """The post has video or sound that only the worker can process."""
    video_s: int | None = None
    """How long that video or sound is, as its platform says; None if there is none or its length is unknown."""


def lock_current(session: Session, job: RequestJob) -> PostAnalysisRequest | None:
    """Lock and return the request; None if `job` is superseded or has ended, and the caller must change nothing."""
    return attempt_queries.lock_current(session, job.request_id, job.attempt)


def record_status(session: Session, request: PostAnalysisRequest, stage: Stage, *, progress: int, message: str) -> None:
    """Append a step to the history that the user sees; a step that this attempt has recorded is not repeated.

    Args:
        session: the transaction.
        request: locked by `lock_current`, so that `seq` has no gaps.
        stage: the step.
        progress: percent; the recorded progress never decreases.
        message: one sentence.
    """
    saved = attempt_queries.find_status(session, request.id, attempt=request.attempt, stage=stage, message=message)
    if saved is not None:
        return
    request.status_seq += 1
    request.progress = max(request.progress, progress)
    session.add(
        AnalysisStatus(
            request_id=request.id,
            seq=request.status_seq,
            attempt=request.attempt,
            stage=stage,
            progress=request.progress,
            message=message,
            cost_usd=request.cost_usd,
            stage_cost_usd=request.cost_usd - attempt_queries.cost_before(request.id, request.status_seq),
        ),
    )
    session.flush()


def fail_post(
    post: AnalysisRequestPost,
    *,
    stage: Stage,
    category: ErrorCategory,
    message: str,
    details: Mapping[str, str | int | None] | None = None,
) -> None:
    """Fail one URL, or keep its partial analysis; `message` is for the user, `details` is for operators."""
    post.state = PostState.ANALYSED if post.is_partial else PostState.FAILED
    post.error_stage = stage
    post.error_category = category
    post.error = message
    post.error_details = None if details is None else dict(details)


def fail_post_by_provider(post: AnalysisRequestPost, failure: ProviderError, *, stage: Stage) -> None:
    """Fail one URL because of a provider's error."""
    fail_post(
        post,
        stage=stage,
        category=failure.category,
        message=failure.message,
        details={
            "error": type(failure).__name__,
            "provider": failure.provider,
            "status": failure.status,
            "provider_request_id": failure.request_id,
        },
    )
