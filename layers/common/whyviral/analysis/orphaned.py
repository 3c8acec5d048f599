"""Attempts that nobody works on any more, although their requests have no end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from . import repository
from .models import RequestStatus, Stage
from .outcome import fail_request
from .pipeline import Outcome, RequestJob, StageResult, lock_current

# The stage that works after each step that a user sees. A step is written when its stage begins, but for the two that
# say what there is to read: behind those the next stage has its turn.
_STAGE_AFTER: Mapping[str, Stage] = MappingProxyType(
    {
        Stage.SOCIAL_DATA_FETCHED: Stage.COLLECTING_MEDIA,
        Stage.COLLECTING_MEDIA: Stage.COLLECTING_MEDIA,
        Stage.TRANSCRIBING: Stage.TRANSCRIBING,
        Stage.DISPLAYING_CONTENT: Stage.ANALYSING,
        Stage.ANALYSING: Stage.ANALYSING,
    }
)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The current attempt of a request that has no end."""

    job: RequestJob
    admitted_at: datetime
    has_begun: bool
    """Whether a stage has worked on it."""


def list_unfinished(
    session: Session, *, started_before: datetime, limit: int, execution_prefix: str = ""
) -> Sequence[Unfinished]:
    """Return attempts that were admitted before a moment, those that no stage has begun first, then the oldest.

    Args:
        session: the transaction.
        started_before: the moment.
        limit: how many at most.
        execution_prefix: how the ARNs of their executions begin; empty for any, even for none.
    """
    rows = repository.list_unfinished(
        session, started_before=started_before, limit=limit, execution_prefix=execution_prefix
    )
    return [
        Unfinished(
            RequestJob(request_id=row.id, attempt=row.attempt),
            admitted_at=row.attempt_started_at,
            has_begun=row.status != RequestStatus.PENDING,
        )
        for row in rows
    ]


def end_orphaned(session: Session, job: RequestJob, *, error: str, now: datetime) -> StageResult:
    """Close a request whose execution is gone, at the stage that its history says it was in.

    Args:
        session: the transaction.
        job: the attempt; when it is not the current one any more, or has its end, nothing changes.
        error: how the execution ended: States.Timeout, or a name of our own.
        now: the time.
    """
    if lock_current(session, job) is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    last = repository.find_last_stage(session, job.request_id, attempt=job.attempt)
    stage = _STAGE_AFTER.get(last or "", Stage.FETCHING_POSTS)
    return fail_request(session, job, stage=stage, error=error, now=now)
