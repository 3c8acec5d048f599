"""SweeperFunction: finds orphaned requests, answers and webhooks, and restarts, ends or requeues them."""

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.admin.scheduled_job import Schedule, run_once
from whyviral.analysis.orphaned import Sweeper
from whyviral.chat.orphaned import end_expired
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine, session_scope
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.catalogue import JOBS_OVERDUE
from whyviral.core.telemetry.metrics import record
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.aws.delivery_queue import SqsDeliveryQueue
from whyviral.integrations.aws.event_queue import SqsEventQueue
from whyviral.integrations.aws.step_functions import StepFunctionsWorkflow
from whyviral.jobs import job_runs

from .settings import SweeperSettings

JOB = "sweeper"
LONGEST = {
    "retention": timedelta(hours=26),
    "billing": timedelta(hours=26),
    "reconciliation": timedelta(days=8),
}
"""The longest time between two successful runs of the other jobs; longer means that a schedule was missed."""
_WORK_S = 80
"""Of the 110 s in template.yaml: the last item may have to wait for a row lock and for AWS."""

_settings = SweeperSettings.load()
_engine = build_engine(_settings.supabase_db_url.get_secret_value(), pool_size=_settings.db_pool_size)
_workflow = StepFunctionsWorkflow(_settings.state_machine_arn)
_queue = SqsEventQueue(_settings.webhook_queue_url)
_deliveries = SqsDeliveryQueue(_settings.delivery_queue_url)
_logger = build_logger("sweeper")


@_logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run the sweeper for `{scheduled_at}`."""
    due_at = Schedule.model_validate(event).scheduled_at
    sweeper = Sweeper(
        _engine,
        _workflow,
        _queue,
        _deliveries,
        clock=utc_now,
        logger=_logger,
        owns_database=_settings.owns_database,
        stop_at_mono_s=time.monotonic() + _WORK_S,
    )
    try:
        results = run_once(_engine, JOB, due_at, partial(_sweep, sweeper), clock=utc_now)
    finally:  # a failed run may have handled something before it failed
        _logger.info("swept", extra=sweeper.results)
    return {"results": results}


def _sweep(sweeper: Sweeper) -> Mapping[str, int]:
    with session_scope(_engine) as session:
        sweeper.results["answers_ended"] = len(end_expired(session, now=utc_now()))
        overdue = job_runs.list_overdue(session, LONGEST, now=utc_now())
    if overdue:
        record(JOBS_OVERDUE, len(overdue))
        _logger.warning("jobs overdue", extra={"jobs": overdue})
    return sweeper.sweep()
