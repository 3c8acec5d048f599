"""Runs jobs with heartbeats, and reports to Step Functions how each one ended.

Imports nothing that decodes or queries, so that the first heartbeat does not wait for it.
"""

import time
import uuid
from collections.abc import Callable
from enum import Enum, auto

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from whyviral.integrations.aws.task_tokens import TaskGone, TaskReporter
from whyviral.integrations.aws.work_queue import QueuedMessage, WorkQueue
from whyviral.integrations.errors import ProviderError

from .deadline import Deadline, WorkerStopped
from .heartbeat import INTERVAL_S, Heartbeat

HIDDEN_S = 90
"""How long a message stays ours after each heartbeat."""
_PAUSE_S = 5.0


class Job(BaseModel):
    """The attempt of a request whose media are to be read."""

    model_config = ConfigDict(frozen=True)

    request_id: uuid.UUID
    attempt: int


class QueuedJob(Job):
    """A message of the queue."""

    task_token: SecretStr


type Process = Callable[[Job, Deadline], str]
"""Does the work of a job and returns its outcome; raises `WorkerStopped` when it was stopped before the end."""


class End(Enum):
    """How a job ended for us."""

    REPORTED = auto()
    """Its end was reported."""
    STOPPED = auto()
    """It was stopped in the middle; another worker may start it again."""
    FAILED = auto()
    """It failed, and the failure was reported or the task had ended before."""
    UNTOLD = auto()
    """It is over, and its end could not be reported."""


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
        """End the job that runs, if one does, and begin no other; for signal handlers."""
        self._is_stopping = True
        if self._deadline is not None:
            self._deadline.stop()

    def run(self, job: Job, reporter: TaskReporter, *, with_every_beat: Callable[[], object] = lambda: None) -> End:
        """Run a job and report its end, except that it was stopped."""
        self._deadline = deadline = Deadline(self._deadline_s)
        if self._is_stopping:
            deadline.stop()
        beats = Heartbeat(
            reporter, on_gone=deadline.stop, logger=self._logger, also=with_every_beat, interval_s=self._interval_s
        )
        try:
            with beats:
                outcome = self._process(job, deadline)
            reporter.succeed({"outcome": outcome})
        except WorkerStopped:
            return End.REPORTED if beats.is_gone else End.STOPPED
        except TaskGone:
            return End.REPORTED
        except Exception as exc:  # the outermost edge: every failure is reported
            self._logger.exception("a job failed")
            return self._fail(reporter, type(exc).__name__)
        self._logger.info("a job is done", extra={"outcome": outcome})
        return End.REPORTED

    def run_once(self, job: Job, reporter: TaskReporter) -> End:
        """Run a single job; being stopped is reported as a failure, because no queue starts it again."""
        end = self.run(job, reporter)
        return self._fail(reporter, WorkerStopped.__name__) if end is End.STOPPED else end

    def run_queue(
        self, queue: WorkQueue, report_to: Callable[[str], TaskReporter], *, pause_s: float = _PAUSE_S
    ) -> None:
        """Run jobs of a queue until stopped; a job that was stopped goes back to the queue."""
        while not self._is_stopping:
            try:
                message = queue.receive(hidden_s=HIDDEN_S)
                if message is not None:
                    self._run_message(queue, message, report_to)
            except ProviderError as exc:
                # What was done is saved: a message that comes back finds nothing left to do.
                self._logger.warning("the queue cannot be reached", extra={"provider": exc.provider})
                time.sleep(pause_s)

    def _run_message(self, queue: WorkQueue, message: QueuedMessage, report_to: Callable[[str], TaskReporter]) -> None:
        try:
            job = QueuedJob.model_validate_json(message.body)
        except ValidationError:
            # It comes back until the queue moves it to the dead-letter queue.
            self._logger.error("a message is no job")  # noqa: TRY400 - the exception quotes the message
            return
        self._logger.append_keys(request_id=str(job.request_id), attempt=job.attempt)
        reporter = report_to(job.task_token.get_secret_value())
        end = self.run(job, reporter, with_every_beat=lambda: queue.hide(message, hidden_s=HIDDEN_S))
        if end is End.STOPPED:
            queue.hide(message, hidden_s=0)
        elif end is not End.UNTOLD:  # else it comes back, finds the saved work, and its end is reported then
            queue.delete(message)

    def _fail(self, reporter: TaskReporter, error: str) -> End:
        try:
            reporter.fail(error)
        except TaskGone:
            self._logger.info("nobody waits for a job that failed")
        except ProviderError as exc:
            self._logger.warning("a failure could not be reported", extra={"provider": exc.provider})
            return End.UNTOLD
        return End.FAILED
