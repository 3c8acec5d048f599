"""Usage: what a user has used today, what their plan still allows, and nothing charged that was not delivered."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from whyviral.accounts.models import Plan
from whyviral.accounts.service import get_user_plan
from whyviral.core.clock import day_of, end_of_day
from whyviral.core.errors import AppError
from whyviral.core.pagination import Page

from . import repository
from .models import UserUsage
from .repository import CountedUrl, Settlement


@dataclass(frozen=True, slots=True)
class PlatformUsage:
    """What a user has used on one platform on one day."""

    platform: str
    url_lookups: int
    questions_asked: int
    handle_analyses: int
    post_suggestions: int


@dataclass(frozen=True, slots=True)
class UsageToday:
    """What a user has used since midnight UTC."""

    date: date
    resets_at: datetime
    platforms: list[PlatformUsage]


@dataclass(frozen=True, slots=True)
class PlatformAllowance:
    """What a plan still allows on one platform today."""

    platform: str
    analyses_left: int
    questions_left: int
    handles_left: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan allows, and what of it is left."""

    plan: Plan
    resets_at: datetime
    platforms: list[PlatformAllowance]


class UsageLimitReached(AppError):
    """The plan's daily limit on a platform does not allow this many URLs; `details` gives the numbers."""

    status_code = 403
    code = "usage_limit_reached"

    def __init__(self, platform: str, *, plan: Plan, used: int, requested: int, resets_at: datetime) -> None:
        limit = plan.max_analyses_per_day
        super().__init__(
            f"The {plan.name} plan allows {limit} URLs a day on {platform}. You have used {used}, and this call has "
            f"{requested}. Send fewer, upgrade, or try again after midnight UTC.",
            details={
                "platform": platform,
                "limit": limit,
                "used": used,
                "requested": requested,
                "resets_at": resets_at.isoformat().replace("+00:00", "Z"),
            },
        )


def increment_usage(
    session: Session, user_id: uuid.UUID, urls: Sequence[CountedUrl], *, plan: Plan, now: datetime
) -> None:
    """Count the URLs against today's limit of the plan and reserve them for their requests, all or nothing.

    One statement decides and counts, whatever else counts at the same moment. It holds the user's rows of usage until
    the transaction ends; when it refuses, the transaction must be rolled back.

    Args:
        session: the transaction; the requests of the URLs exist in it.
        user_id: whose usage.
        urls: distinct for each request, and none of them held or charged already.
        plan: the user's, as it is now.
        now: decides the day.

    Raises:
        UsageLimitReached: for the first platform, by name, that does not allow it.
    """
    counted, reserved = repository.count_urls(session, user_id, urls, day=day_of(now), limit=plan.max_analyses_per_day)
    for platform in sorted({url.platform for url in urls} - counted):
        requested = sum(url.platform == platform for url in urls)
        check_usage_limit(session, user_id, platform, requested=requested, plan=plan, now=now)
    if reserved != len(urls):
        # Also where a refused platform is allowed a moment later: what was counted is half of it, and is rolled back.
        raise RuntimeError("a URL was counted that cannot be reserved")


def check_usage_limit(
    session: Session, user_id: uuid.UUID, platform: str, *, requested: int, plan: Plan, now: datetime
) -> None:
    """Say whether so many more URLs would be allowed on a platform today; only `increment_usage` makes sure of it.

    Raises:
        UsageLimitReached: they would not.
    """
    rows = repository.list_day(session, user_id, day_of(now))
    used = next((row.url_lookups for row in rows if row.platform == platform), 0)
    if used + requested > plan.max_analyses_per_day:
        raise UsageLimitReached(platform, plan=plan, used=used, requested=requested, resets_at=end_of_day(now))


def settle_usage(session: Session, request_id: uuid.UUID, *, explained: Sequence[str], suggestions: int) -> Settlement:
    """Charge what an ended request delivered and return the rest, once, on the day it was counted.

    Args:
        session: the transaction.
        request_id: the request; settling it again changes nothing.
        explained: the URLs that have an analysis.
        suggestions: how many suggestions each of those analyses holds.
    """
    return repository.settle_usage(session, request_id, explained=explained, suggestions=suggestions)


def get_usage_today(session: Session, user_id: uuid.UUID, *, platforms: Sequence[str], now: datetime) -> UsageToday:
    """Return what the user has used today on each of the platforms."""
    rows = {row.platform: row for row in repository.list_day(session, user_id, day_of(now))}
    return UsageToday(
        date=day_of(now),
        resets_at=end_of_day(now),
        platforms=[_usage(platform, rows.get(platform)) for platform in platforms],
    )


def _usage(platform: str, row: UserUsage | None) -> PlatformUsage:
    if row is None:
        return PlatformUsage(platform, url_lookups=0, questions_asked=0, handle_analyses=0, post_suggestions=0)
    return PlatformUsage(
        platform,
        url_lookups=row.url_lookups,
        questions_asked=row.questions_asked,
        handle_analyses=row.handle_analyses,
        post_suggestions=row.post_suggestions,
    )


def get_limits(session: Session, user_id: uuid.UUID, *, platforms: Sequence[str], now: datetime) -> Limits:
    """Return what the user's plan allows and what of it is left today on each of the platforms.

    Raises:
        NoCurrentPlan: the user has none.
    """
    plan = get_user_plan(session, user_id)
    today = get_usage_today(session, user_id, platforms=platforms, now=now)
    return Limits(plan=plan, resets_at=today.resets_at, platforms=[_allowance(plan, used) for used in today.platforms])


def _allowance(plan: Plan, used: PlatformUsage) -> PlatformAllowance:
    # After a downgrade more may be used than the new plan allows: then nothing is left, and nothing is owed.
    return PlatformAllowance(
        used.platform,
        analyses_left=max(0, plan.max_analyses_per_day - used.url_lookups),
        questions_left=max(0, plan.max_questions_per_day - used.questions_asked),
        handles_left=max(0, plan.max_handles - used.handle_analyses),
    )


def list_usage(
    session: Session,
    user_id: uuid.UUID,
    *,
    page: int,
    first: date | None = None,
    last: date | None = None,
    platform: str | None = None,
) -> Page[UserUsage]:
    """Return one page of the user's days, newest first, from `first` to `last`, both included."""
    return repository.list_usage(session, user_id, page, first=first, last=last, platform=platform)
