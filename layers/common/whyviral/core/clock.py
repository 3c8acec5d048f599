"""The current time, passed in wherever a rule depends on it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

type Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time as an aware UTC datetime."""
    return datetime.now(UTC)


def day_of(moment: datetime) -> date:
    """Return the UTC day to which a moment counts, in usage as in money."""
    return moment.astimezone(UTC).date()


def end_of_day(moment: datetime) -> datetime:
    """Return the midnight UTC at which what counts by the day starts again."""
    return datetime.combine(day_of(moment) + timedelta(days=1), time(), UTC)
