"""Every query of limits. What must hold at any concurrency is one statement, decided under a row's lock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

# The times are sorted: a call counts at its own time or at that of the latest counted call, whichever is later, so a
# clock that is a little behind can never find a window that another caller has already emptied. A conflicting insert
# waits for the row's lock and then sees its latest version: no two calls decide on the same times.
_HIT = text("""
    insert into rate_windows as own (scope, subject, hits, was_allowed, expires_at)
    values (
      :scope, :subject,
      case when :limit > 0 then array[cast(:now as timestamptz)] else '{}' end, :limit > 0,
      cast(:now as timestamptz) + cast(:window as interval)
    )
    on conflict (scope, subject) do update set (hits, was_allowed, expires_at, updated_at) = (
      select
        case when cardinality(recent) < :limit then recent || at else recent end,
        cardinality(recent) < :limit,
        at + cast(:window as interval),
        now()
      from
        (select greatest(cast(:now as timestamptz), own.hits[cardinality(own.hits)]) as at) as clock,
        lateral (
          select array(
            select counted from unnest(own.hits) as counted where counted > at - cast(:window as interval)
            order by counted
          ) as recent
        ) as pruned
    )
    returning hits, was_allowed
""")


@dataclass(frozen=True, slots=True)
class Window:
    """The calls that count, oldest first, and whether the one just made does."""

    hits: list[datetime]
    was_allowed: bool


class RateWindowRepository:
    """Windows of calls."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def hit(self, scope: str, subject: str, *, limit: int, window: timedelta, now: datetime) -> Window:
        """Count a call if fewer than `limit` count already, and forget those that have left the window."""
        values = {"scope": scope, "subject": subject, "limit": limit, "window": window, "now": now}
        hits, was_allowed = self._session.execute(_HIT, values).one()
        return Window(hits=list(hits), was_allowed=was_allowed)
