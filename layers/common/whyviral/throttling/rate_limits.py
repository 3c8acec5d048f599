"""Exact sliding windows: at most so many calls in any stretch of time, whoever else calls at the same moment."""

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
    """How often one subject may do one thing."""

    scope: str
    """Names what is limited, in rows and in headers: lower-case letters and `-`."""
    limit: int
    window: timedelta


ANALYSIS_RATE = RatePolicy("analysis", limit=20, window=timedelta(hours=1))
"""Of `analyze/` and `retry/` together, per user."""


@dataclass(frozen=True, slots=True)
class RateState:
    """Where a subject stands after a call."""

    allowed: bool
    limit: int
    remaining: int
    """Calls that would be allowed right now."""
    reset_after_s: int
    """Whole seconds until the oldest counted call leaves the window, which allows one more."""
    retry_after_s: int | None
    """Whole seconds until a refused call would be allowed; None for an allowed one."""
    is_first_refusal: bool = False
    """Whether the call is the first refused one in its window: the others are not worth a record each."""


class RateLimited(AppError):
    """The caller has made too many calls; refused calls do not count.

    Attributes:
        is_repeated: whether a refusal in the same window was recorded before.
    """

    status_code = 429
    code = "rate_limited"
    has_retry_after = True

    def __init__(self, policy: RatePolicy, state: RateState) -> None:
        window_s = round(policy.window.total_seconds())
        super().__init__(
            f"Too many calls: at most {policy.limit} are allowed in {_in_words(window_s)}. "
            f"Try again in {_in_words(state.retry_after_s or window_s)}.",
            details={"limit": policy.limit, "window_s": window_s, "retry_after_s": state.retry_after_s},
            retry_after_s=state.retry_after_s,
        )
        self.is_repeated = not state.is_first_refusal


def _in_words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < _MINUTES_FROM_S else f"{math.ceil(seconds / 60)} minutes"


def hit(session: Session, *, scope: str, subject: str, limit: int, window: timedelta, now: datetime) -> RateState:
    """Count a call, unless as many as `limit` have been allowed in the `window` that ends now; a refused one is free.

    The count is part of the caller's transaction and holds the subject's row: commit it before anything that takes
    long, and before anything whose failure should not undo it.

    Args:
        session: the transaction.
        scope: what is limited, such as `analysis`; one scope has one limit and one window.
        subject: whose calls are counted; at most 320 characters.
        limit: calls allowed in the window; zero allows none.
        window: its length; a call counts from its moment until exactly this much later.
        now: aware UTC. A call that lost a race to a later one counts at that one's time.
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
