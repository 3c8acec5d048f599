"""RetentionFunction: creates log partitions and deletes old rows, once a day."""

import time
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.admin.retention import Cleaner
from whyviral.admin.scheduled_job import TIMEOUT_S, Schedule, run_once
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.trace import traced

from .settings import RetentionSettings

JOB = "retention"
_LAST_BATCH_S = 30
"""Time left at the end of the run for the batch in progress."""

_settings = RetentionSettings.load()
_engine = build_engine(_settings.supabase_db_url.get_secret_value(), pool_size=_settings.db_pool_size)
_logger = build_logger("retention")


@_logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run the retention job for `{scheduled_at}`."""
    due_at = Schedule.model_validate(event).scheduled_at
    stop_at_mono_s = time.monotonic() + TIMEOUT_S - _LAST_BATCH_S
    cleaner = Cleaner(_engine, _settings.periods, now=utc_now(), stop_at_mono_s=stop_at_mono_s)
    results = run_once(_engine, JOB, due_at, cleaner.clean, clock=utc_now)
    _logger.info("retention", extra={"is_done_already": results is None, "results": results})
    return {"results": results}
