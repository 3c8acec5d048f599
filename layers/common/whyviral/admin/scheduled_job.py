"""Runs a scheduled job once per scheduled time, recorded in `job_runs`."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel
from sqlalchemy import Engine

from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.jobs import job_runs

TIMEOUT_S = 300
"""The functions' timeout in template.yaml; Lambda retries a run that timed out a minute later."""


class Schedule(BaseModel):
    """The event that EventBridge Scheduler sends."""

    scheduled_at: AwareDatetime
    """The scheduled time, which identifies the run: it is the same in every retry."""


def run_once(
    engine: Engine, job: str, due_at: datetime, work: Callable[[], Mapping[str, int]], *, clock: Clock
) -> Mapping[str, int] | None:
    """Run the job for a scheduled time and return its counts; None if that run has finished or is in progress.

    An exception of the job is recorded as a failed run and raised again, so that the scheduler retries it.
    """
    with session_scope(engine) as session:
        is_ours = job_runs.claim(session, job, due_at, now=clock(), lease=timedelta(seconds=TIMEOUT_S))
    if not is_ours:
        return None
    try:
        results = work()
    except Exception as exc:
        with session_scope(engine) as session:
            job_runs.fail(session, job, due_at, error=type(exc).__name__, now=clock())
            record_events(session, _event("job_failed", job, EventLevel.ERROR, error=type(exc).__name__))
        raise
    with session_scope(engine) as session:
        job_runs.finish(session, job, due_at, results=results, now=clock())
        if any(results.values()):  # some jobs run every other minute and mostly find nothing: no event for those
            record_events(session, _event("job_finished", job, EventLevel.INFO, **results))
    return results


def _event(name: str, job: str, level: EventLevel, **details: str | int) -> Event:
    return Event(EventCategory.SYSTEM, name, details={"job": job, **details}, level=level)
