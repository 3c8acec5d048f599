"""ProcessMedia on Lambda: each invocation is one job. The function has the image of the worker on ECS.

Lambda gives this module's imports 10 s at most. The decoders and Whisper's weights are therefore loaded in the first
invocation, after its first heartbeat, and stay for the next ones. Source: AWS Lambda, "Understanding the Lambda
execution environment lifecycle" (2026-11-28).
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.transcribe.decoder.hardening import adopt_descendants, disable_ptrace
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.aws.clients import load_credentials
from whyviral.integrations.aws.task_tokens import StepFunctionsTask

from .deadline import TO_SAVE_S
from .job_runner import End, JobRunner, QueuedJob
from .lazy_processor import LazyProcessor, loaded
from .settings import JobSettings, WorkerSettings, remove_secrets_from_environment


class JobUnreported(Exception):
    """The job's end could not be reported. Lambda then passes the event to FailureEventsFunction, which reports it."""


disable_ptrace()
adopt_descendants()
_settings, _worker_settings = JobSettings.load(), loaded(WorkerSettings.load)
load_credentials()
_logger = build_logger("transcribe")
remove_secrets_from_environment()
_process = LazyProcessor(_worker_settings, logger=_logger)


@_logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Run the job `{task_token, request_id, attempt}` and report its end to Step Functions.

    Raises:
        JobUnreported: its end could not be reported.
    """
    job = QueuedJob.model_validate(event)
    left_s = context.get_remaining_time_in_millis() / 1000 - TO_SAVE_S
    runner = JobRunner(_process, deadline_s=min(_settings.deadline_s, left_s), logger=_logger)
    end = runner.run_once(job, StepFunctionsTask(job.task_token.get_secret_value()))
    if end is End.UNREPORTED:
        raise JobUnreported
    return {"outcome": end.name.lower()}
