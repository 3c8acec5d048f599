"""The clocks of the payment service, which tests and the control API move, and its calendar of months."""

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

_START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """A clock that only moves forwards."""

    def now(self) -> datetime:
        """Return the current time."""
        ...

    def move_to(self, moment: datetime) -> None:
        """Move to a later time; an earlier one changes nothing."""
        ...


class VirtualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime = _START) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the current time."""
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Move to a later time; an earlier one changes nothing."""
        self._now = max(self._now, moment)


class ShiftedClock:
    """The real time, ahead by what the clock was moved."""

    def __init__(self, real: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._real = real
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Return the current time."""
        return self._real() + self.ahead

    def move_to(self, moment: datetime) -> None:
        """Move to a later time; an earlier one changes nothing."""
        self.ahead = max(self.ahead, moment - self._real())


def month_after(moment: datetime, *, anchor_day: int) -> datetime:
    """Return the billing date after `moment`: the anchor day of the next month, or that month's last day."""
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)  # noqa: PLR2004 - December
    last_day = calendar.monthrange(year, month)[1]
    return moment.replace(year=year, month=month, day=min(anchor_day, last_day))


def years_after(moment: datetime, years: int) -> datetime:
    """Return the same day some years later; 29 February becomes the 28th."""
    last_day = calendar.monthrange(moment.year + years, moment.month)[1]
    return moment.replace(year=moment.year + years, day=min(moment.day, last_day))


def as_text(moment: datetime | None) -> str | None:
    """Return a time as the API writes it, in UTC with milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
