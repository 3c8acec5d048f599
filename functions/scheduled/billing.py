"""BillingFunction: the daily check of subscriptions, and the end of those that are over or lost their account."""

import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.admin.scheduled_job import TIMEOUT_S, Schedule, run_once
from whyviral.billing.daily_job import DailyJob, RowsFailed, list_days
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine, session_scope
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.ports.call_recorder import CallRecorder

from .settings import BillingSettings

_LAST_ROW_S = 40
"""Time left at the end of the run for the row in progress."""

_settings = BillingSettings.load()
_engine = build_engine(_settings.supabase_db_url.get_secret_value(), pool_size=_settings.db_pool_size)
_logger = build_logger("billing")


class Job(StrEnum):
    """The jobs of this function, as `job_runs` names them."""

    DAILY = "billing"
    ENDS = "billing_ends"


class BillingSchedule(Schedule):
    """The event of the scheduler, which names the job."""

    job: Job


@_logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run the job of `{scheduled_at, job}`; the daily one also runs for days on which it did not."""
    schedule = BillingSchedule.model_validate(event)
    due_at = schedule.scheduled_at
    stop_at_mono_s = time.monotonic() + TIMEOUT_S - _LAST_ROW_S
    job = DailyJob(_engine, _connect, utc_now, _logger, stop_at_mono_s=stop_at_mono_s)
    work: Callable[[datetime], dict[str, int]] = job.run if schedule.job is Job.DAILY else job.end_due
    days = [due_at]
    if schedule.job is Job.DAILY:
        with session_scope(_engine) as session:
            days = list_days(session, Job.DAILY, due_at)
    failures: list[RowsFailed] = []
    for day in days:
        try:
            run_once(_engine, schedule.job, day, partial(work, day), clock=utc_now)
        except RowsFailed as exc:  # the rows of the other days must still be handled
            failures.append(exc)
    _logger.info("billing checked", extra={"job": schedule.job, "days": len(days), **job.results})
    if failures:
        raise failures[0]
    return {"results": job.results}


def _connect(calls: CallRecorder) -> DodoClient:
    return DodoClient(_settings.dodo_api_key.get_secret_value(), mode=_settings.dodo_mode, calls=calls)
