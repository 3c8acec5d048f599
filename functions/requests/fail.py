"""FailRequest: records the stage at which a request or one of its URLs failed, and the cause."""

import uuid
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.analysis.models import Stage
from whyviral.analysis.outcome import fail_post_of_stage, fail_request, record_worker_failure
from whyviral.analysis.pipeline import PostJob, RequestJob, StageResult
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine, session_scope
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.catalogue import MEDIA_UNWATCHED, STAGE_DURATION
from whyviral.core.telemetry.metrics import timed
from whyviral.core.telemetry.on_commit import record_on_commit
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.aws.delivery_queue import SqsDeliveryQueue
from whyviral.webhooks.outgoing.dispatch import queue_deliveries

from .settings import EndingSettings

settings = EndingSettings.load()
engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
logger = build_logger("fail")
queue = SqsDeliveryQueue(settings.delivery_queue_url)


class FailJob(RequestJob):
    """A failed stage: `error` is the error name that the state machine caught, `cause` the detail that came with it."""

    stage: Stage
    error: str
    cause: str = ""
    request_post_id: uuid.UUID | None = None
    """The URL that failed; None if the whole stage failed."""
    goes_on: bool = False
    """The request continues without the failed stage, as it does when the media worker fails."""


@logger.inject_lambda_context
@traced
@timed(STAGE_DURATION, Stage="fail")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run FailRequest for `{request_id, attempt, stage, error, cause, post?, goes_on?}`."""
    job = FailJob.model_validate(event)
    logger.append_keys(request_id=str(job.request_id), attempt=job.attempt)
    with session_scope(engine) as session:
        result: StageResult
        if job.goes_on:
            result = record_worker_failure(session, job)
            record_on_commit(session, MEDIA_UNWATCHED)
        elif job.request_post_id is None:
            result = fail_request(session, job, stage=job.stage, error=job.error, cause=job.cause, now=utc_now())
        else:
            post_job = PostJob(request_id=job.request_id, attempt=job.attempt, request_post_id=job.request_post_id)
            result = fail_post_of_stage(session, post_job, stage=job.stage, error=job.error, cause=job.cause)
    queue_deliveries(queue, result.deliveries, logger=logger)
    logger.error("a stage broke", extra={"stage": job.stage, "error_name": job.error, "outcome": result.outcome})
    return result.model_dump(mode="json", exclude_none=True)
