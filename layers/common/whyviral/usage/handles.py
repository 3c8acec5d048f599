"""Counts the analysis of a handle: one handle and a number of posts, whose URLs are known only later."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from whyviral.accounts.models import Plan
from whyviral.core.clock import day_of, end_of_day

from . import repository
from .service import UsageLimitReached

# As for URLs, one statement checks both limits under the row's lock and counts; without a count it reserves nothing.
_COUNT_HANDLE = text("""
    with counted as (
      insert into user_usage as own (user_id, usage_date, platform, url_lookups, handle_analyses)
      select cast(:user_id as uuid), cast(:day as date), cast(:platform as text), cast(:urls as integer),
        cast(:handles as integer)
      where cast(:urls as integer) <= :max_urls and cast(:handles as integer) <= :max_handles
      on conflict (user_id, usage_date, platform) do update
        set url_lookups = own.url_lookups + excluded.url_lookups,
          handle_analyses = own.handle_analyses + excluded.handle_analyses, updated_at = now()
        where own.url_lookups + excluded.url_lookups <= :max_urls
          and own.handle_analyses + excluded.handle_analyses <= :max_handles
      returning platform
    ),
    reserved as (
      insert into usage_reservations as own (user_id, request_id, platform, url, usage_date, kind)
      select cast(:user_id as uuid), cast(:request_id as uuid), cast(:platform as text), wanted.name,
        cast(:day as date), wanted.kind
      from unnest(cast(:names as text[]), cast(:kinds as text[])) as wanted (name, kind)
      where exists (select from counted)
      on conflict (request_id, url) do update
        set state = 'held', usage_date = excluded.usage_date, updated_at = now()
        where own.state = 'returned'
      returning url
    )
    select (select count(*) from counted), (select count(*) from reserved)
""")
_NAME_SLOTS = text("""
    update usage_reservations as own set url = chosen.url, updated_at = now()
    from unnest(cast(:urls as text[])) with ordinality as chosen (url, number)
    where own.request_id = :request_id and own.state = 'held' and own.url = 'slot:' || chosen.number
""")
_IS_HANDLE_RETURNED = text("""
    select exists (
      select from usage_reservations where request_id = :request_id and kind = 'handle' and state = 'returned'
    )
""")


def slots_of(posts: int) -> list[str]:
    """Return the names under which posts are reserved until they are chosen."""
    return [f"slot:{number}" for number in range(1, posts + 1)]


@dataclass(frozen=True, slots=True)
class CountedHandle:
    """A handle and its posts, as they are counted for one request."""

    request_id: uuid.UUID
    platform: str
    handle: str
    urls: Sequence[str]
    """The URLs of the posts, or their slots."""
    counts_handle: bool = True
    """Whether the handle counts, too; it does not where an earlier attempt was charged for it."""


def increment_handle_usage(
    session: Session, user_id: uuid.UUID, counted: CountedHandle, *, plan: Plan, now: datetime
) -> None:
    """Count a handle and its posts against the plan's limits for today and reserve them, all or none.

    If this raises, the transaction must be rolled back.

    Args:
        session: the transaction, in which the request exists.
        user_id: the user.
        counted: what to count, of which the request holds nothing already.
        plan: the user's current plan.
        now: decides the day.

    Raises:
        UsageLimitReached: a limit is exceeded.
    """
    names = [*counted.urls, *([f"handle:{counted.handle}"] if counted.counts_handle else [])]
    values = {
        "user_id": user_id,
        "request_id": counted.request_id,
        "platform": counted.platform,
        "day": day_of(now),
        "urls": len(counted.urls),
        "handles": int(counted.counts_handle),
        "max_urls": plan.max_analyses_per_day,
        "max_handles": plan.max_handles,
        "names": names,
        "kinds": ["url"] * len(counted.urls) + ["handle"] * counted.counts_handle,
    }
    is_counted, reserved = session.execute(_COUNT_HANDLE, values).one()
    if not is_counted:
        raise _refusal(session, user_id, counted, plan=plan, now=now)
    if reserved != len(names):
        raise RuntimeError("a handle was counted that cannot be reserved")


def _refusal(
    session: Session, user_id: uuid.UUID, counted: CountedHandle, *, plan: Plan, now: datetime
) -> UsageLimitReached:
    rows = repository.list_day(session, user_id, day_of(now))
    used = next((row for row in rows if row.platform == counted.platform), None)
    handles = used.handle_analyses if used else 0
    resets_at = end_of_day(now)
    if counted.counts_handle and handles + 1 > plan.max_handles:
        return UsageLimitReached.of_handles(counted.platform, plan=plan, used=handles, resets_at=resets_at)
    lookups = used.url_lookups if used else 0
    return UsageLimitReached(
        counted.platform, plan=plan, used=lookups, requested=len(counted.urls), resets_at=resets_at
    )


def name_slots(session: Session, request_id: uuid.UUID, urls: Sequence[str]) -> None:
    """Give the reserved slots of a request the URLs that were chosen; slots that are left are returned at its end."""
    session.execute(_NAME_SLOTS, {"request_id": request_id, "urls": list(urls)})


def is_handle_returned(session: Session, request_id: uuid.UUID) -> bool:
    """Return whether the handle of an ended request was returned, so that another attempt counts it again."""
    return bool(session.scalar(_IS_HANDLE_RETURNED, {"request_id": request_id}))
