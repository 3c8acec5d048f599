"""Scheduled jobs run once for each moment they are scheduled for, however often they are started."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from whyviral.core.batch_delete import delete_batch

from .models import JobRun, JobState


def claim(session: Session, job: str, due_at: datetime, *, now: datetime, lease: timedelta) -> bool:
    """Begin a run unless it has succeeded or is under way; of two callers at the same moment one gets it.

    Args:
        session: the transaction, to be committed before the work begins.
        job: its name.
        due_at: the moment the run is scheduled for.
        now: aware UTC.
        lease: how long a run takes at most; then it is taken for dead, and may be begun again.
    """
    may_begin = or_(JobRun.state == JobState.FAILED, and_(JobRun.state == JobState.RUNNING, JobRun.leased_until <= now))
    begun = {"state": JobState.RUNNING, "leased_until": now + lease}
    again = begun | {"attempts": JobRun.attempts + 1, "error": None, "updated_at": func.now()}
    claimed = session.execute(
        insert(JobRun)
        .values(job=job, due_at=due_at, **begun)
        .on_conflict_do_update(index_elements=[JobRun.job, JobRun.due_at], set_=again, where=may_begin)
        .returning(JobRun.id)
    )
    return claimed.first() is not None


def finish(session: Session, job: str, due_at: datetime, *, results: Mapping[str, int], now: datetime) -> None:
    """Note that a run has done its work."""
    ended = {"state": JobState.SUCCEEDED, "results": dict(results), "finished_at": now}
    session.execute(update(JobRun).where(JobRun.job == job, JobRun.due_at == due_at).values(ended))


def fail(session: Session, job: str, due_at: datetime, *, error: str, now: datetime) -> None:
    """Note that a run has broken, so that it may be begun again."""
    ended = {"state": JobState.FAILED, "error": error, "finished_at": now}
    session.execute(update(JobRun).where(JobRun.job == job, JobRun.due_at == due_at).values(ended))


def delete_old(session: Session, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` runs that were due before a moment; return how many there were."""
    return delete_batch(session, JobRun, JobRun.due_at < before, limit=limit)
