"""The current time, as a parameter of every rule that depends on it, and UTC days."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

type Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time as an aware UTC datetime."""
    return datetime.now(UTC)


def day_of(moment: datetime) -> date:
    """Return the UTC day of a time: the day whose usage and budget it counts against."""
    return moment.astimezone(UTC).date()


def end_of_day(moment: datetime) -> datetime:
    """Return the next midnight UTC, when daily counters and budgets reset."""
    return datetime.combine(day_of(moment) + timedelta(days=1), time(), UTC)
