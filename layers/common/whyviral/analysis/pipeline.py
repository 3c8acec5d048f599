"""What every stage of the pipeline does: act for the current attempt only, and say how far it is."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.vendor_calls.budget_owner import OwnerCosts
from whyviral.vendor_calls.call_log import CallOwner

from . import repository
from .models import AnalysisRequestPost, AnalysisStatus, PostAnalysisRequest, PostState, Stage


class Outcome(StrEnum):
    """What a stage tells the state machine; at the end of a request FAILED means that somebody of ours should look."""

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
    """The attempt a stage works for, which is the `BudgetOwner` of its calls; every stage's event has these fields."""

    model_config = ConfigDict(frozen=True)

    request_id: uuid.UUID
    attempt: int

    @property
    def lease_owner(self) -> uuid.UUID:
        """Return the owner of this attempt's leases: not the request, whose older attempt may still be running."""
        return uuid.uuid5(self.request_id, str(self.attempt))

    @property
    def id(self) -> uuid.UUID:
        """Return the id of the request, to which costs are booked; see `BudgetOwner`."""
        return self.request_id

    @property
    def kind(self) -> str:
        """Return the word for it in messages to users."""
        return "analysis"

    @property
    def call_owner(self) -> CallOwner:
        """Return how the call log names this attempt."""
        return CallOwner(analysis_request_id=self.request_id, attempt=self.attempt)

    def reserve(self, session: Session, usd: Decimal, *, max_usd: Decimal) -> bool:
        """Reserve the cost of one call; False where the attempt is over or the request would exceed `max_usd`."""
        return repository.reserve_cost(session, self.request_id, self.attempt, usd, max_usd=max_usd)

    def is_current(self, session: Session) -> bool:
        """Whether this is the request's current attempt and the request has not ended."""
        return repository.is_current(session, self.request_id, self.attempt)

    def settle(self, session: Session, costs: Sequence[OwnerCosts]) -> None:
        """Book costs to this request, and those of finished vendor jobs to the requests that began them."""
        for each in costs:
            repository.settle_cost(
                session, each.owner_id, calls=each.calls, cost_usd=each.cost_usd, released_usd=each.released_usd
            )


class PostJob(RequestJob):
    """One URL of the attempt; `request_post_id` is the id of its `analysis_request_posts` row."""

    request_post_id: uuid.UUID


class StageResult(BaseModel):
    """What a stage answers: ids and numbers, never content."""

    outcome: Outcome
    wait_s: int | None = None


class PostResult(StageResult):
    """What a stage answers about one URL."""

    request_post_id: uuid.UUID


class CollectResult(PostResult):
    """What CollectMedia answers about one URL."""

    needs_worker: bool = False
    """Whether it has video or sound that only the worker can read."""


def lock_current(session: Session, job: RequestJob) -> PostAnalysisRequest | None:
    """Lock the request if `job` is still its current attempt; None tells a late loser to change nothing."""
    return repository.lock_current(session, job.request_id, job.attempt)


def record_status(session: Session, request: PostAnalysisRequest, stage: Stage, *, progress: int, message: str) -> None:
    """Append a step that the user sees; what this attempt has already said is not repeated.

    Args:
        session: the transaction.
        request: locked by `lock_current`, which is what makes `seq` gapless.
        stage: the step.
        progress: percent; what is shown never falls.
        message: one sentence.
    """
    if repository.find_status(session, request.id, attempt=request.attempt, stage=stage, message=message) is not None:
        return
    request.status_seq += 1
    request.progress = max(request.progress, progress)
    repository.add_status(
        session,
        AnalysisStatus(
            request_id=request.id,
            seq=request.status_seq,
            attempt=request.attempt,
            stage=stage,
            progress=request.progress,
            message=message,
            cost_usd=request.cost_usd,
            stage_cost_usd=request.cost_usd - repository.cost_before(request.id, request.status_seq),
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
    """End one URL without an analysis, or with the partial one it had: `message` is for the user, `details` for us."""
    post.state = PostState.ANALYSED if post.is_partial else PostState.FAILED
    post.error_stage = stage
    post.error_category = category
    post.error = message
    post.error_details = None if details is None else dict(details)


def fail_post_by_provider(post: AnalysisRequestPost, failure: ProviderError, *, stage: Stage) -> None:
    """End one URL because a provider gave nothing for it."""
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
