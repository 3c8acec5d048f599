"""Runs of scheduled jobs: each scheduled time is run once, even if the job is started several times."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from whyviral.core.batch_delete import delete_batch

from .models import JobRun, JobState


def claim(session: Session, job: str, due_at: datetime, *, now: datetime, lease: timedelta) -> bool:
    """Start a run and return True, unless it has succeeded or is running; of two concurrent callers one gets True.

    Args:
        session: the transaction, which must be committed before the work starts.
        job: the name of the job.
        due_at: the time for which the run is scheduled.
        now: the current time, aware UTC.
        lease: the longest time that a run may take; after it the run counts as orphaned and may be restarted.
    """
    may_start = or_(JobRun.state == JobState.FAILED, and_(JobRun.state == JobState.RUNNING, JobRun.leased_until <= now))
    started = {"state": JobState.RUNNING, "leased_until": now + lease}
    restarted = started | {"attempts": JobRun.attempts + 1, "error": None, "updated_at": func.now()}
    claimed = session.execute(
        insert(JobRun)
        .values(job=job, due_at=due_at, **started)
        .on_conflict_do_update(index_elements=[JobRun.job, JobRun.due_at], set_=restarted, where=may_start)
        .returning(JobRun.id)
    )
    return claimed.first() is not None


def find_last_success(session: Session, job: str, *, before: datetime) -> datetime | None:
    """Return the latest scheduled time before a time whose run has succeeded."""
    succeeded = select(func.max(JobRun.due_at)).where(
        JobRun.job == job, JobRun.state == JobState.SUCCEEDED, JobRun.due_at < before
    )
    return session.scalar(succeeded)


def list_overdue(session: Session, longest: Mapping[str, timedelta], *, now: datetime) -> list[str]:
    """Return the jobs whose last success, or else the first run of any job, is longer ago than allowed.

    Args:
        session: the transaction.
        longest: the longest time between two successful runs, by job.
        now: the current time, aware UTC.
    """
    last = select(JobRun.job, func.max(JobRun.due_at)).where(
        JobRun.job.in_(longest), JobRun.state == JobState.SUCCEEDED
    )
    last_of_job: dict[str, datetime] = dict(session.execute(last.group_by(JobRun.job)).all())
    first = session.scalar(select(func.min(JobRun.due_at))) or now
    return [job for job, allowed in longest.items() if last_of_job.get(job, first) < now - allowed]


def finish(session: Session, job: str, due_at: datetime, *, results: Mapping[str, int], now: datetime) -> None:
    """Record that a run has succeeded."""
    ended = {"state": JobState.SUCCEEDED, "results": dict(results), "finished_at": now}
    session.execute(update(JobRun).where(JobRun.job == job, JobRun.due_at == due_at).values(ended))


def fail(session: Session, job: str, due_at: datetime, *, error: str, now: datetime) -> None:
    """Record that a run has failed, so that it may be restarted."""
    ended = {"state": JobState.FAILED, "error": error, "finished_at": now}
    session.execute(update(JobRun).where(JobRun.job == job, JobRun.due_at == due_at).values(ended))


def delete_old(session: Session, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` runs that were due before a time, and return the number deleted."""
    return delete_batch(session, JobRun, JobRun.due_at < before, limit=limit)
