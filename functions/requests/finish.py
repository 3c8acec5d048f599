"""FinishRequest: counts the explained posts, closes the request, and queues the webhooks that report it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.analysis.outcome import finish_request
from whyviral.analysis.pipeline import RequestJob
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine, session_scope
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.catalogue import STAGE_DURATION
from whyviral.core.telemetry.metrics import timed
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.aws.delivery_queue import SqsDeliveryQueue
from whyviral.webhooks.outgoing.dispatch import queue_deliveries

from .settings import EndingSettings

settings = EndingSettings.load()
engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
logger = build_logger("finish")
queue = SqsDeliveryQueue(settings.delivery_queue_url)


@logger.inject_lambda_context
@traced
@timed(STAGE_DURATION, Stage="finish")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run FinishRequest for `{request_id, attempt}`."""
    job = RequestJob.model_validate(event)
    logger.append_keys(request_id=str(job.request_id), attempt=job.attempt)
    with session_scope(engine) as session:
        result = finish_request(session, job, now=utc_now())
    queue_deliveries(queue, result.deliveries, logger=logger)
    logger.info("finished request", extra={"outcome": result.outcome})
    return result.model_dump(mode="json", exclude_none=True)
