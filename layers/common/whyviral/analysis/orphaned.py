"""Finds orphaned work: requests without an execution, unprocessed webhook events, and webhooks that were not queued.

The sweeper restarts, fails or requeues it.
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
from whyviral.core.telemetry.catalogue import EVENTS_STUCK, REQUESTS_NOT_STARTED, REQUESTS_ORPHANED
from whyviral.core.telemetry.metrics import record
from whyviral.core.telemetry.trace import new_trace_id
from whyviral.integrations.aws.delivery_queue import DeliveryQueue
from whyviral.integrations.aws.event_queue import EventQueue
from whyviral.integrations.aws.step_functions import ExecutionStatus, Workflow
from whyviral.integrations.errors import ProviderError
from whyviral.webhooks import inbox
from whyviral.webhooks.outgoing.unqueued import take_unqueued

from .models import RequestStatus, Stage
from .outcome import fail_request
from .pipeline import Outcome, RequestJob, StageResult, lock_current
from .repository import attempt_queries

OVERDUE_AFTER = timedelta(minutes=31)
"""An execution runs for at most 30 minutes."""
START_AFTER = timedelta(seconds=60)
"""A younger request may be one that the API is about to start."""
BATCH = 200
_COUNTS = (
    "requests_overdue",
    "requests_orphaned",
    "requests_started",
    "requests_left",
    "events_queued",
    "events_stuck",
    "deliveries_queued",
)
TIMED_OUT = "States.Timeout"
EXECUTION_LOST = "ExecutionLost"
"""The execution does not exist, or succeeded without closing the request."""
_ERRORS = {
    ExecutionStatus.TIMED_OUT: TIMED_OUT,
    ExecutionStatus.ABORTED: "ExecutionAborted",
    ExecutionStatus.FAILED: "ExecutionFailed",
}
# The stage in progress after each step of the history. A step is recorded when its stage starts. The exceptions are
# SOCIAL_DATA_FETCHED and DISPLAYING_CONTENT, which announce readable data: after them the next stage is in progress.
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
    """The current attempt of an unfinished request."""

    job: RequestJob
    admitted_at: datetime
    has_started: bool
    """The first stage of the attempt has started."""
    trace_id: str | None = None


def list_unfinished(
    session: Session, *, started_before: datetime, limit: int, execution_prefix: str = ""
) -> Sequence[Unfinished]:
    """Return unfinished attempts that were admitted before a time: first those that never started, oldest first.

    Args:
        session: the transaction.
        started_before: the time.
        limit: the maximum number of attempts.
        execution_prefix: the prefix of their execution ARNs; empty for all attempts, also those without an ARN.
    """
    rows = attempt_queries.list_unfinished(
        session, started_before=started_before, limit=limit, execution_prefix=execution_prefix
    )
    return [
        Unfinished(
            RequestJob(request_id=row.id, attempt=row.attempt),
            admitted_at=row.attempt_started_at,
            has_started=row.status != RequestStatus.PENDING,
            trace_id=row.trace_id,
        )
        for row in rows
    ]


def end_orphaned(session: Session, job: RequestJob, *, error: str, now: datetime) -> StageResult:
    """Close a request whose execution has ended, with the stage that its history shows.

    Args:
        session: the transaction.
        job: the attempt; nothing changes if it has ended or is not the current one.
        error: how the execution ended: States.Timeout, or a name of our own.
        now: the time.
    """
    if lock_current(session, job) is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    last = attempt_queries.find_last_stage(session, job.request_id, attempt=job.attempt)
    stage = _STAGE_AFTER.get(last or "", Stage.FETCHING_POSTS)
    return fail_request(session, job, stage=stage, error=error, now=now)


@dataclass(slots=True)
class Sweeper:
    """One run of the sweeper. Runs may repeat and overlap, because requests are fenced by their attempt."""

    engine: Engine
    workflow: Workflow
    queue: EventQueue
    deliveries: DeliveryQueue
    clock: Clock
    logger: Logger
    owns_database: bool = True
    """See `SweeperSettings`."""
    start_after: timedelta = START_AFTER
    stop_at_mono_s: float = float("inf")
    """When to stop, on the monotonic clock; the next run handles the rest."""
    results: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))

    def sweep(self) -> dict[str, int]:
        """Run all parts of the sweep and return the number of items that each handled.

        Raises:
            ProviderError: the state machine or the queue cannot be reached; the parts that need neither are done.
        """
        failures: list[ProviderError] = []
        for part in (self._end_overdue, self._follow_executions, self._queue_events, self._queue_deliveries):
            try:
                part()
            except ProviderError as exc:
                failures.append(exc)
        if failures:
            raise failures[0]
        return self.results

    def _end_overdue(self) -> None:
        """Fail requests that are older than any execution can be, and stop executions that still run for them."""
        prefix = "" if self.owns_database else self.workflow.execution_prefix
        overdue = self._list(OVERDUE_AFTER, prefix)
        ended = [
            each.job
            for each in self._until_deadline(overdue)
            if self._end(each.job, TIMED_OUT, count="requests_overdue")
        ]
        for job in ended:
            self.workflow.stop(job.request_id, job.attempt)

    def _follow_executions(self) -> None:
        """Start executions that were never started, and fail requests whose execution ended without closing them."""
        for each in self._until_deadline(self._list(self.start_after, self.workflow.execution_prefix)):
            job = each.job
            if each.admitted_at < self.clock() - OVERDUE_AFTER:  # overdue, but could not be failed in this run
                continue
            status = self.workflow.find_status(job.request_id, job.attempt)
            if status in (ExecutionStatus.RUNNING, ExecutionStatus.PENDING_REDRIVE):
                continue
            if status is None and not each.has_started:
                self.workflow.start(job.request_id, job.attempt, trace_id=each.trace_id or new_trace_id())
                record(REQUESTS_NOT_STARTED)
                self._record("requests_started", "a request was not started", job)
            else:
                self._end(
                    job, _ERRORS.get(status, EXECUTION_LOST) if status else EXECUTION_LOST, count="requests_orphaned"
                )

    def _queue_events(self) -> None:
        """Requeue webhook events that were received and not processed."""
        if not self.owns_database:
            return
        now = self.clock()
        with session_scope(self.engine) as session:
            self.results["events_stuck"] = inbox.count_stuck(session, now=now)
            events = inbox.take_unfinished(session, now=now, limit=BATCH)
        if self.results["events_stuck"]:
            record(EVENTS_STUCK, self.results["events_stuck"])
        for event_id in events:
            self.queue.send(event_id)
            self.results["events_queued"] += 1

    def _queue_deliveries(self) -> None:
        """Queue outgoing webhooks that are due and have no message."""
        if not self.owns_database:
            return
        with session_scope(self.engine) as session:
            due = take_unqueued(session, now=self.clock(), limit=BATCH)
        self.deliveries.send(due)
        self.results["deliveries_queued"] += len(due)

    def _list(self, older_than: timedelta, execution_prefix: str) -> Sequence[Unfinished]:
        before = self.clock() - older_than
        with session_scope(self.engine) as session:
            return list_unfinished(session, started_before=before, limit=BATCH, execution_prefix=execution_prefix)

    def _until_deadline(self, requests: Sequence[Unfinished]) -> Iterator[Unfinished]:
        for each in requests:
            if time.monotonic() >= self.stop_at_mono_s:
                return
            yield each

    def _end(self, job: RequestJob, error: str, *, count: str) -> bool:
        try:
            with session_scope(self.engine) as session:
                result = end_orphaned(session, job, error=error, now=self.clock())
        except DBAPIError:
            # Another transaction may hold the row's lock for longer than the statement timeout: go on with the others.
            self._record("requests_left", "a request could not be ended", job)
            return False
        if result.outcome is Outcome.SUPERSEDED:  # the request has ended or has another attempt
            return False
        record(REQUESTS_ORPHANED)
        self._record(count, "a request was lost", job, error_name=error)
        return True

    def _record(self, count: str, message: str, job: RequestJob, **details: str) -> None:
        self.results[count] += 1
        self.logger.warning(message, extra={"request_id": str(job.request_id), "attempt": job.attempt, **details})
