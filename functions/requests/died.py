"""DiedFunction: told by EventBridge of every execution and worker that has died, so that nobody waits for them."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.integrations.ecs_tasks import EcsTasks
from whyviral.integrations.task_tokens import StepFunctionsTask

from .deaths import Death, Undertaker
from .settings import DiedSettings

_settings = DiedSettings.load()
_logger = build_logger("died")
_undertaker = Undertaker(
    build_engine(_settings.supabase_db_url.get_secret_value(), pool_size=_settings.db_pool_size),
    state_machine_arn=_settings.state_machine_arn,
    cluster_arn=_settings.cluster_arn,
    tasks=EcsTasks(_settings.cluster_arn),
    report_to=StepFunctionsTask,
    clock=utc_now,
    logger=_logger,
)


@_logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Act on one event of EventBridge."""
    death = Death.model_validate({"event": event})
    answer = _undertaker.act_on(death)
    _logger.info("somebody died", extra={"kind": death.event.kind, "outcome": answer})
    return {"outcome": answer}
