"""Usage limits: counts URLs against the daily limits of a plan, and returns URLs that got no analysis."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from sqlalchemy.orm import Session

from whyviral.accounts.models import Plan
from whyviral.accounts.service import NoCurrentPlan
from whyviral.core.clock import day_of, end_of_day
from whyviral.core.errors import AppError
from whyviral.core.pagination import Page

from . import repository
from .models import UserUsage
from .repository import CountedUrl, Settlement
from .schemas import LimitsOut, PlatformAllowanceOut


@dataclass(frozen=True, slots=True)
class PlatformUsage:
    """A user's usage on one platform and day."""

    platform: str
    url_lookups: int
    questions_asked: int
    handle_analyses: int
    post_suggestions: int


@dataclass(frozen=True, slots=True)
class UsageToday:
    """A user's usage since midnight UTC."""

    date: date
    resets_at: datetime
    platforms: list[PlatformUsage]


@dataclass(frozen=True, slots=True)
class PlatformAllowance:
    """A user's remaining allowance on one platform today."""

    platform: str
    analyses_left: int
    questions_left: int
    handles_left: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The user's plan and the remaining allowance on each platform."""

    plan: Plan
    resets_at: datetime
    platforms: list[PlatformAllowance]


class UsageLimitReached(AppError):
    """The plan's daily limit on a platform does not allow this many URLs or handles; `details` has the numbers."""

    status_code = 403
    code = "usage_limit_reached"

    def __init__(
        self, platform: str, *, plan: Plan, used: int, requested: int, resets_at: datetime, what: str = "URLs"
    ) -> None:
        limit = plan.max_analyses_per_day if what == "URLs" else plan.max_handles
        super().__init__(
            f"The {plan.name} plan allows {limit} {what} a day on {platform}. You have used {used}, and this call has "
            f"{requested}. Send fewer, upgrade, or try again after midnight UTC.",
            details={
                "platform": platform,
                "limit": limit,
                "used": used,
                "requested": requested,
                "resets_at": resets_at.isoformat().replace("+00:00", "Z"),
            },
        )

    @classmethod
    def of_handles(cls, platform: str, *, plan: Plan, used: int, resets_at: datetime) -> Self:
        """Return the refusal of one more handle."""
        return cls(platform, plan=plan, used=used, requested=1, resets_at=resets_at, what="handles")


def increment_usage(
    session: Session, user_id: uuid.UUID, urls: Sequence[CountedUrl], *, plan: Plan, now: datetime
) -> None:
    """Count the URLs against the plan's limit for today and reserve them for their requests, all or none.

    One statement decides and counts, so that concurrent calls cannot exceed the limit. It locks the user's rows of
    usage until the transaction ends. If this raises, the transaction must be rolled back.

    Args:
        session: the transaction, in which the requests of the URLs exist.
        user_id: the user.
        urls: the URLs, distinct within each request, none of them held or charged already.
        plan: the user's current plan.
        now: the current time, which decides the day.

    Raises:
        UsageLimitReached: a limit is exceeded; the error names the alphabetically first such platform.
    """
    counted, reserved = repository.count_urls(session, user_id, urls, day=day_of(now), limit=plan.max_analyses_per_day)
    for platform in sorted({url.platform for url in urls} - counted):
        requested = sum(url.platform == platform for url in urls)
        check_usage_limit(session, user_id, platform, requested=requested, plan=plan, now=now)
    if reserved != len(urls):
        # Also raised if a refused platform has room again by now: only a part was counted, which is rolled back.
        raise RuntimeError("a URL was counted that cannot be reserved")


def check_usage_limit(
    session: Session, user_id: uuid.UUID, platform: str, *, requested: int, plan: Plan, now: datetime
) -> None:
    """Check whether a number of additional URLs is allowed on a platform today; only `increment_usage` enforces it.

    Raises:
        UsageLimitReached: the URLs are not allowed.
    """
    rows = repository.list_day(session, user_id, day_of(now))
    used = next((row.url_lookups for row in rows if row.platform == platform), 0)
    if used + requested > plan.max_analyses_per_day:
        raise UsageLimitReached(platform, plan=plan, used=used, requested=requested, resets_at=end_of_day(now))


def settle_usage(session: Session, request_id: uuid.UUID, *, explained: Sequence[str], suggestions: int) -> Settlement:
    """Charge the URLs of an ended request that have an analysis, and return the others on the day they were counted.

    Args:
        session: the transaction.
        request_id: the request; settling it again changes nothing.
        explained: the URLs that have an analysis.
        suggestions: the number of suggestions in each analysis.
    """
    return repository.settle_usage(session, request_id, explained=explained, suggestions=suggestions)


def get_usage_today(session: Session, user_id: uuid.UUID, *, platforms: Sequence[str], now: datetime) -> UsageToday:
    """Return the user's usage today on each of the platforms."""
    rows = repository.list_day(session, user_id, day_of(now))
    return UsageToday(date=day_of(now), resets_at=end_of_day(now), platforms=_usages(platforms, rows))


def _usages(platforms: Sequence[str], rows: Sequence[UserUsage]) -> list[PlatformUsage]:
    by_platform = {row.platform: row for row in rows}
    return [_usage(platform, by_platform.get(platform)) for platform in platforms]


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
    """Return the limits of the user's plan and the remaining allowance today on each of the platforms.

    Raises:
        NoCurrentPlan: the user has no plan.
    """
    found = repository.find_plan_and_day(session, user_id, day_of(now))
    if found is None:
        raise NoCurrentPlan
    plan, rows = found
    allowances = [_allowance(plan, used) for used in _usages(platforms, rows)]
    return Limits(plan=plan, resets_at=end_of_day(now), platforms=allowances)


def _allowance(plan: Plan, used: PlatformUsage) -> PlatformAllowance:
    # After a downgrade the usage may exceed the new plan's limit: then nothing is left, but nothing is owed either.
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
    """Return one page of the user's daily usage, newest first, from `first` to `last`, both included."""
    return repository.list_usage(session, user_id, page, first=first, last=last, platform=platform)


def limits_out(limits: Limits) -> LimitsOut:
    """Return the limits as JSON."""
    return LimitsOut(
        plan=limits.plan.slug,
        max_urls=limits.plan.max_urls,
        max_analyses_per_day=limits.plan.max_analyses_per_day,
        max_questions_per_day=limits.plan.max_questions_per_day,
        max_handles=limits.plan.max_handles,
        resets_at=limits.resets_at,
        platforms=[PlatformAllowanceOut.model_validate(platform) for platform in limits.platforms],
    )
