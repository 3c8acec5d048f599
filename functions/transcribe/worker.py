"""ProcessMedia: decodes and transcribes the media of a request.

`python -m functions.transcribe.worker` runs one job if TASK_TOKEN is set, else the jobs of QUEUE_URL.
"""

import signal
import sys
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from functions.transcribe.decoder.hardening import adopt_descendants, disable_ptrace, end_descendants
from whyviral.core.logging import build_logger
from whyviral.core.settings import SettingsError
from whyviral.integrations.aws.clients import load_credentials
from whyviral.integrations.aws.task_tokens import StepFunctionsTask
from whyviral.integrations.aws.work_queue import SqsWorkQueue

from .deadline import Deadline
from .job_runner import End, Job, JobRunner
from .settings import JobSettings, WorkerSettings, remove_secrets_from_environment

if TYPE_CHECKING:
    from .media_processor import MediaProcessor


class _Work:
    """Processes a job; builds the processor after the first heartbeat, since its imports take seconds."""

    def __init__(self, settings: WorkerSettings | SettingsError, *, logger: Logger) -> None:
        """Args `settings`: an error is raised by the job, so that it is reported to Step Functions."""
        self._settings = settings
        self._logger = logger

    @cached_property
    def _processor(self) -> "MediaProcessor":
        from .wiring import build_processor  # noqa: PLC0415

        if isinstance(self._settings, SettingsError):
            raise self._settings
        return build_processor(self._settings, logger=self._logger, after_file=end_descendants)

    def __call__(self, job: Job, deadline: Deadline) -> str:
        return self._processor.process(job, deadline)


def _load_worker_settings() -> WorkerSettings | SettingsError:
    try:
        return WorkerSettings.load()
    except SettingsError as exc:
        return exc


def main() -> int:
    """Run the work that the environment names and return the exit status."""
    disable_ptrace()
    adopt_descendants()
    settings, worker_settings = JobSettings.load(), _load_worker_settings()
    load_credentials()
    remove_secrets_from_environment()
    logger = build_logger("transcribe")
    runner = JobRunner(_Work(worker_settings, logger=logger), deadline_s=settings.deadline_s, logger=logger)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        runner.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if settings.task_token is not None and settings.request_id is not None and settings.attempt is not None:
        job = Job(
            request_id=settings.request_id,
            attempt=settings.attempt,
            trace_id=settings.trace_id,
            queued_at=settings.queued_at,
        )
        end = runner.run_once(job, StepFunctionsTask(settings.task_token.get_secret_value()))
        return 0 if end is End.REPORTED else 1
    if settings.task_token is not None or settings.queue_url is None:
        raise SettingsError("cannot start: set TASK_TOKEN, REQUEST_ID and ATTEMPT for one job, or QUEUE_URL for many")
    runner.run_queue(SqsWorkQueue(settings.queue_url), StepFunctionsTask)
    return 0


if __name__ == "__main__":
    sys.exit(main())
