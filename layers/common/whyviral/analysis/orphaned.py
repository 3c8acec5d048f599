"""Orphaned work: requests whose execution is gone, and webhook events that were received and never acted on.

The sweeper restarts, ends or requeues them.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.integrations.aws.event_queue import EventQueue
from whyviral.integrations.aws.step_functions import ExecutionStatus, Workflow
from whyviral.integrations.errors import ProviderError
from whyviral.webhooks import inbox

from . import repository
from .models import RequestStatus, Stage
from .outcome import fail_request
from .pipeline import Outcome, RequestJob, StageResult, lock_current

OVERDUE_AFTER = timedelta(minutes=31)
"""An execution lives 30 minutes at most."""
START_AFTER = timedelta(seconds=60)
"""Before that the API may be about to start it."""
BATCH = 200
_COUNTS = (
    "requests_overdue",
    "requests_orphaned",
    "requests_started",
    "requests_left",
    "events_queued",
    "events_stuck",
)
TIMED_OUT = "States.Timeout"
LOST = "ExecutionLost"
"""What ended it is not known, or was no end that a request may have."""
_ERRORS = {
    ExecutionStatus.TIMED_OUT: TIMED_OUT,
    ExecutionStatus.ABORTED: "ExecutionAborted",
    ExecutionStatus.FAILED: "ExecutionFailed",
}
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


@dataclass(slots=True)
class Sweeper:
    """Sweeps once. All of it may be done twice, and by several at once: requests are fenced by their attempt."""

    engine: Engine
    workflow: Workflow
    queue: EventQueue
    clock: Clock
    logger: Logger
    owns_database: bool = True
    """See `SweeperSettings`."""
    start_after: timedelta = START_AFTER
    stop_at: float = float("inf")
    """On the monotonic clock; what is left then is for the next run."""
    results: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))

    def sweep(self) -> dict[str, int]:
        """Do all of it and return how much there was to do.

        Raises:
            ProviderError: the state machine or the queue cannot be reached; what needs neither of them is done.
        """
        failures: list[ProviderError] = []
        for part in (self._end_overdue, self._follow_executions, self._queue_events):
            try:
                part()
            except ProviderError as exc:
                failures.append(exc)
        if failures:
            raise failures[0]
        return self.results

    def _end_overdue(self) -> None:
        """End what has been worked on for longer than anything is, and then whatever still works on it."""
        prefix = "" if self.owns_database else self.workflow.execution_prefix
        overdue = self._list(OVERDUE_AFTER, prefix)
        ended = [
            each.job for each in self._in_time(overdue) if self._end(each.job, TIMED_OUT, count="requests_overdue")
        ]
        for job in ended:
            self.workflow.stop(job.request_id, job.attempt)

    def _follow_executions(self) -> None:
        """Start the executions that never began, and end the requests of those that have ended without a word."""
        for each in self._in_time(self._list(self.start_after, self.workflow.execution_prefix)):
            job = each.job
            if each.admitted_at < self.clock() - OVERDUE_AFTER:  # it could not be ended just now
                continue
            status = self.workflow.find_status(job.request_id, job.attempt)
            if status in (ExecutionStatus.RUNNING, ExecutionStatus.PENDING_REDRIVE):
                continue
            if status is None and not each.has_begun:
                self.workflow.start(job.request_id, job.attempt)
                self._note("requests_started", "a request was not started", job)
            else:
                self._end(job, _ERRORS.get(status, LOST) if status else LOST, count="requests_orphaned")

    def _queue_events(self) -> None:
        """Queue what was received and has not been acted on."""
        if not self.owns_database:
            return
        now = self.clock()
        with session_scope(self.engine) as session:
            self.results["events_stuck"] = inbox.count_stuck(session, now=now)
            events = inbox.take_unfinished(session, now=now, limit=BATCH)
        for event_id in events:
            self.queue.send(event_id)
            self.results["events_queued"] += 1

    def _list(self, older_than: timedelta, execution_prefix: str) -> Sequence[Unfinished]:
        before = self.clock() - older_than
        with session_scope(self.engine) as session:
            return list_unfinished(session, started_before=before, limit=BATCH, execution_prefix=execution_prefix)

    def _in_time(self, requests: Sequence[Unfinished]) -> Iterator[Unfinished]:
        for each in requests:
            if time.monotonic() >= self.stop_at:
                return
            yield each

    def _end(self, job: RequestJob, error: str, *, count: str) -> bool:
        try:
            with session_scope(self.engine) as session:
                result = end_orphaned(session, job, error=error, now=self.clock())
        except DBAPIError:
            # Somebody may hold its row for longer than a statement may take: the others need not wait for that.
            self._note("requests_left", "a request could not be ended", job)
            return False
        if result.outcome is Outcome.SUPERSEDED:  # meanwhile it has its end, or another attempt
            return False
        self._note(count, "a request was lost", job, error_name=error)
        return True

    def _note(self, count: str, message: str, job: RequestJob, **details: str) -> None:
        self.results[count] += 1
        self.logger.warning(message, extra={"request_id": str(job.request_id), "attempt": job.attempt, **details})
