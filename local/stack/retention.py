"""The retention job, run once on the running system's database."""

from collections.abc import Mapping

from pydantic import SecretStr

from functions.scheduled.settings import RetentionSettings
from whyviral.admin.retention import Cleaner
from whyviral.admin.scheduled_job import run_once
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine

_JOB = "retention"


def clean(database_url: str, user_settings: Mapping[str, str]) -> Mapping[str, int] | None:
    """Delete expired records by the user's settings; returns the deleted rows by table, None if the job already ran."""
    days = {name: int(value) for name, value in user_settings.items() if name.endswith("_LOG_DAYS")}
    settings = RetentionSettings.model_validate(
        {"supabase_db_url": SecretStr(database_url)} | {name.lower(): number for name, number in days.items()}
    )
    engine = build_engine(database_url)
    now = utc_now()
    try:
        return run_once(engine, _JOB, now, Cleaner(engine, settings.periods, now=now).clean, clock=utc_now)
    finally:
        engine.dispose()
