"""ProcessMedia: decodes and transcribes the media of a request.

`python -m functions.transcribe.worker` runs one job if TASK_TOKEN is set, else the jobs of QUEUE_URL.
"""

import signal
import sys
from types import FrameType

from functions.transcribe.decoder.hardening import adopt_descendants, disable_ptrace
from whyviral.core.logging import build_logger
from whyviral.core.settings import SettingsError
from whyviral.integrations.aws.clients import load_credentials
from whyviral.integrations.aws.task_tokens import StepFunctionsTask
from whyviral.integrations.aws.work_queue import SqsWorkQueue

from .job_runner import End, Job, JobRunner
from .lazy_processor import LazyProcessor, loaded
from .settings import JobSettings, WorkerSettings, remove_secrets_from_environment


def main() -> int:
    """Run the work that the environment names and return the exit status."""
    disable_ptrace()
    adopt_descendants()
    settings, worker_settings = JobSettings.load(), loaded(WorkerSettings.load)
    load_credentials()
    remove_secrets_from_environment()
    logger = build_logger("transcribe")
    runner = JobRunner(LazyProcessor(worker_settings, logger=logger), deadline_s=settings.deadline_s, logger=logger)

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
