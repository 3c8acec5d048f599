"""A schedule that was missed is noticed by the age of the last success."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.jobs import job_runs

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LONGEST = {"daily": timedelta(hours=26), "weekly": timedelta(days=8)}


def run(session: Session, job: str, *, age: timedelta, is_success: bool = True) -> None:
    due_at = NOW - age
    assert job_runs.claim(session, job, due_at, now=due_at, lease=timedelta(minutes=5))
    if is_success:
        job_runs.finish(session, job, due_at, results={}, now=due_at)


def test_a_job_is_overdue_when_its_last_success_is_too_old(session: Session) -> None:
    run(session, "weekly", age=timedelta(days=7))
    run(session, "daily", age=timedelta(hours=27))

    assert job_runs.list_overdue(session, LONGEST, now=NOW) == ["daily"]

    run(session, "daily", age=timedelta(hours=25))

    assert job_runs.list_overdue(session, LONGEST, now=NOW) == []


def test_runs_that_only_fail_do_not_count(session: Session) -> None:
    run(session, "daily", age=timedelta(hours=30))
    run(session, "daily", age=timedelta(hours=1), is_success=False)

    assert job_runs.list_overdue(session, {"daily": LONGEST["daily"]}, now=NOW) == ["daily"]


def test_a_job_that_never_ran_has_as_long_after_the_first_run_of_any(session: Session) -> None:
    assert job_runs.list_overdue(session, LONGEST, now=NOW) == []

    run(session, "sweeper", age=timedelta(hours=27))

    assert job_runs.list_overdue(session, LONGEST, now=NOW) == ["daily"]
