"""Rate limits with exact sliding windows, which also hold for concurrent calls."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError

from . import repository
from .repository import Window

_MINUTES_FROM_S = 120


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """The number of calls that one subject may make within a window."""

    scope: str
    """The name of the limited action in rows and headers: lower-case letters and `-`."""
    limit: int
    window: timedelta


ANALYSIS_RATE = RatePolicy("analysis", limit=20, window=timedelta(hours=1))
"""The limit per user for `analyze/` and `retry/` together."""


@dataclass(frozen=True, slots=True)
class RateState:
    """The state of a subject's limit after a call."""

    allowed: bool
    limit: int
    remaining: int
    """The number of calls that would be allowed now."""
    reset_after_s: int
    """Whole seconds until the oldest counted call leaves the window, which allows one more call."""
    retry_after_s: int | None
    """Whole seconds until a refused call would be allowed; None: the call was allowed."""
    is_first_refusal: bool = False
    """Whether this is the first refused call in its window; later ones are not recorded as events."""


class RateLimited(AppError):
    """The caller has made too many calls; refused calls do not count.

    Attributes:
        is_repeated: whether an earlier refusal in the same window was recorded.
    """

    status_code = 429
    code = "rate_limited"
    has_retry_after = True

    def __init__(self, policy: RatePolicy, state: RateState) -> None:
        window_s = round(policy.window.total_seconds())
        super().__init__(
            f"Too many calls: at most {policy.limit} are allowed in {_format_duration(window_s)}. "
            f"Try again in {_format_duration(state.retry_after_s or window_s)}.",
            details={"limit": policy.limit, "window_s": window_s, "retry_after_s": state.retry_after_s},
            retry_after_s=state.retry_after_s,
        )
        self.is_repeated = not state.is_first_refusal


def _format_duration(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < _MINUTES_FROM_S else f"{math.ceil(seconds / 60)} minutes"


def hit(session: Session, *, scope: str, subject: str, limit: int, window: timedelta, now: datetime) -> RateState:
    """Count a call if fewer than `limit` calls were allowed in the window that ends now; refused calls do not count.

    The count is part of the caller's transaction and locks the subject's row. Commit it before any slow work, and
    before any work whose failure must not undo the count.

    Args:
        session: the transaction.
        scope: the limited action, such as `analysis`; each scope has one limit and one window.
        subject: the caller whose calls are counted; at most 320 characters.
        limit: the number of calls allowed in the window; 0 allows none.
        window: the length of the window; a call counts for exactly this long.
        now: the current time, aware UTC. A call that lost a race to a later call counts at that call's time.
    """
    window_row = repository.hit_window(session, scope, subject, limit=limit, window=window, now=now)
    return _state(window_row, limit=limit, window=window, now=now)


def _state(row: Window, *, limit: int, window: timedelta, now: datetime) -> RateState:
    hits, allowed = row.hits, row.was_allowed
    freed_at = hits[-limit] + window if 0 < limit <= len(hits) else now + window
    return RateState(
        allowed=allowed,
        limit=limit,
        remaining=max(0, limit - len(hits)),
        reset_after_s=_seconds(hits[0] + window - now) if hits else 0,
        retry_after_s=None if allowed else _seconds(freed_at - now),
        is_first_refusal=not allowed and row.refusals == 1,
    )


def _seconds(duration: timedelta) -> int:
    return max(1, math.ceil(duration.total_seconds()))
