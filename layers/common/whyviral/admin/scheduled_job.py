"""One run of a scheduled job, with its row in `job_runs`."""

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
"""As in template.yaml: a run that takes longer is dead, and Lambda starts it again a minute later."""


class Schedule(BaseModel):
    """What the scheduler sends."""

    scheduled_at: AwareDatetime
    """The moment that names the run, the same however often it is started."""


def run_once(
    engine: Engine, job: str, due_at: datetime, work: Callable[[], Mapping[str, int]], *, clock: Clock
) -> Mapping[str, int] | None:
    """Do the work of a scheduled moment and return what came of it; None when it is done already, or being done.

    What the work raises is raised again, with the run noted as failed: whoever started it will start it again.
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
        if any(results.values()):  # else its row says enough: some jobs run every other minute and find nothing
            record_events(session, _event("job_finished", job, EventLevel.INFO, **results))
    return results


def _event(name: str, job: str, level: EventLevel, **details: str | int) -> Event:
    return Event(EventCategory.SYSTEM, name, details={"job": job, **details}, level=level)
