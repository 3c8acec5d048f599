"""FailureEventsFunction: ends requests whose execution failed and pipeline states whose worker stopped."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.analysis.failure_events import FailureEvent, FailureEventHandler
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.aws.ecs_tasks import EcsTasks
from whyviral.integrations.aws.task_tokens import StepFunctionsTask

from .settings import FailureEventsSettings

_settings = FailureEventsSettings.load()
_logger = build_logger("died")
_failure_event_handler = FailureEventHandler(
    build_engine(_settings.supabase_db_url.get_secret_value(), pool_size=_settings.db_pool_size),
    state_machine_arn=_settings.state_machine_arn,
    cluster_arn=_settings.cluster_arn,
    tasks=EcsTasks(_settings.cluster_arn),
    report_to=StepFunctionsTask,
    clock=utc_now,
    logger=_logger,
)


@_logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Handle one EventBridge event."""
    failure = FailureEvent.model_validate({"event": event})
    answer = _failure_event_handler.handle(failure)
    _logger.info("handled failure event", extra={"kind": failure.event.kind, "outcome": answer})
    return {"outcome": answer}
