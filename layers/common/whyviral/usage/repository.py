"""The queries of usage. Counting and settling are one statement each, which decides under row locks."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, bindparam, select, text, update
from sqlalchemy.orm import Session

from whyviral.accounts.models import CURRENT_STATUSES, Plan, Subscription
from whyviral.core.pagination import Page, read_page

from .models import UserUsage

# Rows are locked in the order of the platforms' names, so that two calls cannot deadlock. The condition is evaluated on
# the latest version of a row, under its lock. If one platform is over its limit, nothing is reserved, and the caller
# rolls back the counts of the others. The same statement reserves a returned URL again.
_COUNT_URLS = text("""
    with wanted as (
      select * from unnest(cast(:request_ids as uuid[]), cast(:platforms as text[]), cast(:urls as text[]))
        as wanted (request_id, platform, url)
    ),
    asked as (select platform, cast(count(*) as integer) as urls from wanted group by platform),
    counted as (
      insert into user_usage as own (user_id, usage_date, platform, url_lookups)
      select cast(:user_id as uuid), cast(:day as date), platform, urls from asked where urls <= :limit
      order by platform
      on conflict (user_id, usage_date, platform) do update
        set url_lookups = own.url_lookups + excluded.url_lookups, updated_at = now()
        where own.url_lookups + excluded.url_lookups <= :limit
      returning platform
    ),
    reserved as (
      insert into usage_reservations as own (user_id, request_id, platform, url, usage_date)
      select cast(:user_id as uuid), request_id, platform, url, cast(:day as date) from wanted
      where (select count(*) from counted) = (select count(*) from asked)
      on conflict (request_id, url) do update
        set state = 'held', usage_date = excluded.usage_date, updated_at = now()
        where own.state = 'returned'
      returning url
    )
    select array(select platform from counted), (select count(*) from reserved)
""")

# A handle is charged with the first analysis of its posts. A URL leaves `held` once: a concurrent call waits for the
# row lock and then finds the URL settled. A request holds what was counted on one day, so one row of usage changes.
_SETTLE = text("""
    with settled as (
      update usage_reservations
      set state = case
          when url = any(cast(:explained as text[])) then 'charged'
          when kind = 'handle' and cardinality(cast(:explained as text[])) > 0 then 'charged'
          else 'returned'
        end, updated_at = now()
      where request_id = :request_id and state = 'held'
      returning user_id, usage_date, platform, state, kind
    ),
    sums as (
      select user_id, usage_date, platform,
        cast(count(*) filter (where state = 'returned' and kind = 'url') as integer) as returned,
        cast(count(*) filter (where state = 'charged' and kind = 'url') as integer) as charged,
        cast(count(*) filter (where state = 'returned' and kind = 'handle') as integer) as handles
      from settled group by user_id, usage_date, platform
    )
    update user_usage as own
    set url_lookups = own.url_lookups - sums.returned,
      handle_analyses = own.handle_analyses - sums.handles,
      post_suggestions = own.post_suggestions + sums.charged * :suggestions, updated_at = now()
    from sums
    where own.user_id = sums.user_id and own.usage_date = sums.usage_date and own.platform = sums.platform
    returning sums.charged, sums.returned
""")

# The condition is evaluated on the latest version of the row, under its lock, so that concurrent questions cannot
# exceed the limit.
_COUNT_QUESTION = text("""
    with allowed as (
      select plans.max_questions_per_day as questions
      from subscriptions join plans on plans.id = subscriptions.plan_id
      where subscriptions.user_id = :user_id and subscriptions.status = any(cast(:current as text[]))
    )
    insert into user_usage as own (user_id, usage_date, platform, questions_asked)
    select cast(:user_id as uuid), cast(:day as date), :platform, 1 from allowed where questions >= 1
    on conflict (user_id, usage_date, platform) do update
      set questions_asked = own.questions_asked + 1, updated_at = now()
      where own.questions_asked < (select questions from allowed)
    returning questions_asked
""")


_PLAN_AND_DAY = (
    select(Plan, UserUsage)
    .join(Subscription, Subscription.plan_id == Plan.id)
    .outerjoin(UserUsage, and_(UserUsage.user_id == Subscription.user_id, UserUsage.usage_date == bindparam("day")))
    .where(Subscription.user_id == bindparam("user_id"), Subscription.status.in_(CURRENT_STATUSES))
)
"""Built once, because building it takes longer than the database takes to answer it."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The numbers of held URLs of an ended request that were charged and returned."""

    charged: int = 0
    returned: int = 0


@dataclass(frozen=True, slots=True)
class CountedUrl:
    """One URL to be counted, with its request and platform."""

    request_id: uuid.UUID
    platform: str
    url: str


def find_plan_and_day(session: Session, user_id: uuid.UUID, day: date) -> tuple[Plan, list[UserUsage]] | None:
    """Return the plan of the user's current subscription and the usage of a day, in one statement."""
    rows = session.execute(_PLAN_AND_DAY, {"user_id": user_id, "day": day}).all()
    return (rows[0][0], [usage for _, usage in rows if usage is not None]) if rows else None


def count_urls(
    session: Session, user_id: uuid.UUID, urls: Sequence[CountedUrl], *, day: date, limit: int
) -> tuple[frozenset[str], int]:
    """Count and reserve the URLs if every platform's limit allows it.

    If a platform is over its limit, the transaction must be rolled back.

    Returns:
        The platforms whose limit allows it, and the number of reserved URLs.
    """
    values = {
        "user_id": user_id,
        "request_ids": [url.request_id for url in urls],
        "platforms": [url.platform for url in urls],
        "urls": [url.url for url in urls],
        "day": day,
        "limit": limit,
    }
    platforms, reserved = session.execute(_COUNT_URLS, values).one()
    return frozenset(platforms), reserved


def count_question(session: Session, user_id: uuid.UUID, platform: str, *, day: date) -> bool:
    """Count one question if the user's current plan allows it; return whether it does."""
    values = {"user_id": user_id, "platform": platform, "day": day, "current": list(CURRENT_STATUSES)}
    return session.scalar(_COUNT_QUESTION, values) is not None


def return_question(session: Session, user_id: uuid.UUID, platform: str, *, day: date) -> None:
    """Uncount one question of a day."""
    own = (UserUsage.user_id == user_id, UserUsage.platform == platform, UserUsage.usage_date == day)
    session.execute(
        update(UserUsage).where(*own).values(questions_asked=UserUsage.questions_asked - 1),
        execution_options={"synchronize_session": False},
    )


def list_day(session: Session, user_id: uuid.UUID, day: date) -> Sequence[UserUsage]:
    """Return the user's rows of a day, one per platform that was used."""
    own = select(UserUsage).where(UserUsage.user_id == user_id, UserUsage.usage_date == day)
    # SQL statements change these rows behind the session's back, so it must not return cached values.
    return session.scalars(own, execution_options={"populate_existing": True}).all()


def list_usage(
    session: Session, user_id: uuid.UUID, number: int, *, first: date | None, last: date | None, platform: str | None
) -> Page[UserUsage]:
    """Return one page of the user's daily usage, newest first; a filter that is None does not apply."""
    conditions = [UserUsage.user_id == user_id]
    if first is not None:
        conditions.append(UserUsage.usage_date >= first)
    if last is not None:
        conditions.append(UserUsage.usage_date <= last)
    if platform is not None:
        conditions.append(UserUsage.platform == platform)
    days = select(UserUsage).where(*conditions).order_by(UserUsage.usage_date.desc(), UserUsage.platform)
    return read_page(session, days, number)


def settle_usage(session: Session, request_id: uuid.UUID, *, explained: Sequence[str], suggestions: int) -> Settlement:
    """Charge the held URLs that have an analysis, and return the others on the day they were counted."""
    values = {"request_id": request_id, "explained": list(explained), "suggestions": suggestions}
    settled = session.execute(_SETTLE, values).one_or_none()
    return Settlement() if settled is None else Settlement(*settled)
