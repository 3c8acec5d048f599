"""ReconciliationFunction: compares billing with Dodo once a week, and repairs our rows."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.admin.scheduled_job import TIMEOUT_S, Schedule, run_once
from whyviral.billing.reconciliation import Reconciliation
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.ports.call_recorder import CallRecorder

from .settings import ReconciliationSettings

JOB = "reconciliation"
_LAST_OBJECT_S = 30
"""Time left at the end of the run for the object in progress."""

_settings = ReconciliationSettings.load()
_engine = build_engine(_settings.supabase_db_url.get_secret_value(), pool_size=_settings.db_pool_size)
_logger = build_logger("reconciliation")


class DifferencesLeft(Exception):
    """Billing differs from Dodo in a way that only a person can repair; the log and `app_logs` name the objects."""


def _connect(calls: CallRecorder) -> DodoClient:
    return DodoClient(_settings.dodo_api_key.get_secret_value(), mode=_settings.dodo_mode, calls=calls)


@_logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run the reconciliation for `{scheduled_at}`."""
    due_at = Schedule.model_validate(event).scheduled_at
    reconciliation = Reconciliation(
        _engine,
        _connect,
        utc_now,
        _logger,
        repairs=True,
        stop_at_mono_s=time.monotonic() + TIMEOUT_S - _LAST_OBJECT_S,
    )
    since = due_at - timedelta(days=_settings.reconciled_days)
    results = run_once(_engine, JOB, due_at, lambda: _all_repaired(reconciliation.run(since)), clock=utc_now)
    _logger.info("reconciled", extra={"is_done_already": results is None, "results": results})
    return {"results": results}


def _all_repaired(results: Mapping[str, int]) -> Mapping[str, int]:
    if results["differences_left"]:
        raise DifferencesLeft(f"{results['differences_left']} of {results['objects_compared']} objects differ")
    return results
