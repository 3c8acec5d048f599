"""Runs jobs with heartbeats, and reports the result of each job to Step Functions.

This module imports neither the decoders nor the database code, so that the first heartbeat does not wait for them.
"""

import time
import uuid
from collections.abc import Callable
from enum import Enum, auto

from aws_lambda_powertools import Logger
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, ValidationError

from whyviral.core.clock import utc_now
from whyviral.core.telemetry import trace
from whyviral.core.telemetry.catalogue import QUEUE_WAIT, STAGE_DURATION
from whyviral.core.telemetry.metrics import record, timed
from whyviral.integrations.aws.task_tokens import TaskGone, TaskReporter
from whyviral.integrations.aws.work_queue import QueuedMessage, WorkQueue
from whyviral.integrations.errors import ProviderError

from .deadline import Deadline, WorkerStopped
from .heartbeat import INTERVAL_S, Heartbeat

HIDDEN_S = 90
"""The visibility timeout of a message, which each heartbeat renews."""
_PAUSE_S = 5.0


class Job(BaseModel):
    """One attempt of a request, whose media the worker processes."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    request_id: uuid.UUID
    attempt: int
    trace_id: str | None = None
    queued_at: AwareDatetime | None = None
    """When the state machine asked for the job. A job of before has neither this nor a trace id."""


class QueuedJob(Job):
    """A job as a message of the queue, or as the event of a function."""

    task_token: SecretStr


type Process = Callable[[Job, Deadline], str]
"""Does the work of a job and returns its outcome. Raises `WorkerStopped` if the job was stopped before its end."""


class End(Enum):
    """How a job ended."""

    REPORTED = auto()
    """It succeeded and that was reported, or its task had already ended."""
    STOPPED = auto()
    """It was stopped. Another worker may start it again."""
    FAILED = auto()
    """It failed, and the failure was reported or its task had already ended."""
    UNREPORTED = auto()
    """It is over, but its end could not be reported."""


class JobRunner:
    """Runs one job at a time."""

    def __init__(self, process: Process, *, deadline_s: float, logger: Logger, interval_s: float = INTERVAL_S) -> None:
        self._process = process
        self._deadline_s = deadline_s
        self._logger = logger
        self._interval_s = interval_s
        self._deadline: Deadline | None = None
        self._is_stopping = False

    def stop(self) -> None:
        """Stop the running job, if any, and start no other. Safe to call from a signal handler."""
        self._is_stopping = True
        if self._deadline is not None:
            self._deadline.stop()

    def run(self, job: Job, reporter: TaskReporter, *, on_beat: Callable[[], object] = lambda: None) -> End:
        """Run a job under its trace id and report its end. A stopped job is not reported."""
        with trace.bound(job.trace_id) as trace_id:
            # Also in the lines of the heartbeat's thread, which does not inherit the trace.
            self._logger.append_keys(request_id=str(job.request_id), attempt=job.attempt, trace_id=trace_id)
            return self._run(job, reporter, on_beat)

    def _run(self, job: Job, reporter: TaskReporter, on_beat: Callable[[], object]) -> End:
        self._deadline = deadline = Deadline(self._deadline_s)
        if self._is_stopping:
            deadline.stop()
        beats = Heartbeat(
            reporter, on_gone=deadline.stop, logger=self._logger, on_beat=on_beat, interval_s=self._interval_s
        )
        try:
            with beats, timed(STAGE_DURATION, Stage="process_media"):
                if job.queued_at is not None:
                    record(QUEUE_WAIT, (utc_now() - job.queued_at).total_seconds(), Queue="worker")
                outcome = self._process(job, deadline)
            reporter.succeed({"outcome": outcome})
        except WorkerStopped:
            return End.REPORTED if beats.is_gone else End.STOPPED
        except TaskGone:
            return End.REPORTED
        except Exception as exc:  # the outermost edge reports every failure
            self._logger.exception("job failed")
            return self._fail(reporter, type(exc).__name__)
        self._logger.info("job finished", extra={"outcome": outcome})
        return End.REPORTED

    def run_once(self, job: Job, reporter: TaskReporter) -> End:
        """Run a single job. A stopped job is reported as failed, because no queue delivers it again."""
        end = self.run(job, reporter)
        return self._fail(reporter, WorkerStopped.__name__) if end is End.STOPPED else end

    def run_queue(
        self, queue: WorkQueue, report_to: Callable[[str], TaskReporter], *, pause_s: float = _PAUSE_S
    ) -> None:
        """Run jobs from a queue until stopped. A stopped job is returned to the queue."""
        while not self._is_stopping:
            try:
                message = queue.receive(hidden_s=HIDDEN_S)
                if message is not None:
                    self._run_message(queue, message, report_to)
            except ProviderError as exc:
                # Finished work is saved, so a message that is delivered again has nothing left to do.
                self._logger.warning("queue unreachable", extra={"provider": exc.provider})
                time.sleep(pause_s)

    def _run_message(self, queue: WorkQueue, message: QueuedMessage, report_to: Callable[[str], TaskReporter]) -> None:
        try:
            job = QueuedJob.model_validate_json(message.body)
        except ValidationError:
            # It is delivered again until SQS moves it to the dead-letter queue.
            self._logger.error("invalid job message")  # noqa: TRY400 - the exception quotes the message
            return
        reporter = report_to(job.task_token.get_secret_value())
        end = self.run(job, reporter, on_beat=lambda: queue.hide(message, hidden_s=HIDDEN_S))
        if end is End.STOPPED:
            queue.hide(message, hidden_s=0)
        elif end is not End.UNREPORTED:  # otherwise it is delivered again, and its end is reported then
            queue.delete(message)

    def _fail(self, reporter: TaskReporter, error: str) -> End:
        try:
            reporter.fail(error)
        except TaskGone:
            self._logger.info("task of a failed job has already ended")
        except ProviderError as exc:
            self._logger.warning("failure not reported", extra={"provider": exc.provider})
            return End.UNREPORTED
        return End.FAILED
