"""Admission: turns pasted URLs into requests that the pipeline can start, all of them or none."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from whyviral.accounts import service as account_service
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory
from whyviral.core.clock import end_of_day
from whyviral.core.errors import AppError
from whyviral.core.telemetry import trace
from whyviral.social.post_urls import InvalidPostUrl, PostUrl, parse_post_url
from whyviral.usage import service as usage_service
from whyviral.usage.repository import CountedUrl

from .models import PostAnalysisRequest, PostState, RequestStatus, Stage
from .repository import request_queries
from .spent_today import get_spent_today

MAX_URLS_PER_CALL = 100
"""Above the limit of every plan, so a call with more is a mistake."""
FIRST_ATTEMPT = 1


class InvalidPostUrls(AppError):
    """At least one URL is not a post, so none was accepted; `details` has a reason per URL."""

    status_code = 422
    code = "invalid_post_urls"

    def __init__(self, problems: Sequence[tuple[str, InvalidPostUrl]], *, given: int) -> None:
        which = "The URL" if given == 1 else f"{len(problems)} of {given} URLs"
        super().__init__(
            f"{which} cannot be analysed, so no analysis was started. See the reasons in details.",
            details=[{"url": url, "reason": error.reason, "message": error.message} for url, error in problems],
        )


class TooManyUrls(AppError):
    """The call has more than 100 URLs."""

    status_code = 422
    code = "too_many_urls"

    def __init__(self, given: int) -> None:
        super().__init__(
            f"{given} URLs in one call are too many. Send at most {MAX_URLS_PER_CALL}.",
            details={"given": given, "max": MAX_URLS_PER_CALL},
        )


class PlanUrlLimitExceeded(AppError):
    """The call has more URLs than the user's plan allows in one call."""

    status_code = 403
    code = "max_urls_exceeded"

    def __init__(self, given: int, *, max_urls: int, plan: str) -> None:
        super().__init__(
            f"The {plan} plan allows {max_urls} URLs in one call, and this call has {given}. Send fewer, or upgrade.",
            details={"given": given, "max_urls": max_urls, "plan": plan},
        )


class SpendLimitReached(AppError):
    """The daily budget for analyses is used up; the call is not counted against the plan."""

    status_code = 503
    code = "spend_limit_reached"
    has_retry_after = True

    def __init__(self, *, retry_after_s: float) -> None:
        super().__init__(
            "No more posts can be analysed today. Try again after midnight UTC.", retry_after_s=retry_after_s
        )


class PlatformUnavailable(AppError):
    """A platform of the call is switched off, so its posts cannot be analysed at the moment."""

    status_code = 503
    code = "platform_unavailable"

    def __init__(self, platform: str) -> None:
        super().__init__(
            f"Posts of {platform} cannot be analysed at the moment, so no analysis was started. Send the posts of "
            "other platforms without them, or try again later.",
            details={"platform": platform},
        )


class FreeShareReached(AppError):
    """The Free plan's share of the daily budget is used up; the call is not counted against the plan."""

    status_code = 503
    code = "free_share_reached"
    has_retry_after = True

    def __init__(self, *, retry_after_s: float) -> None:
        super().__init__(
            "Today's free analyses are used up. Upgrade your plan, or try again after midnight UTC.",
            retry_after_s=retry_after_s,
        )


def check_daily_budget(
    user_id: uuid.UUID, session: Session, *, max_usd_per_day: Decimal, free_share: Decimal, now: datetime
) -> None:
    """Reject a call that costs money once the daily budget is used up, before it is counted against the plan.

    Raises:
        SpendLimitReached: the budget is used up until midnight UTC.
        FreeShareReached: the user is on the Free plan, whose share is used up until midnight UTC.
    """
    retry_after_s = (end_of_day(now) - now).total_seconds()
    spent = get_spent_today(session, user_id, now=now)
    if spent.by_all_usd >= max_usd_per_day:
        raise SpendLimitReached(retry_after_s=retry_after_s)
    if spent.by_free_users_usd is not None and spent.by_free_users_usd >= max_usd_per_day * free_share:
        raise FreeShareReached(retry_after_s=retry_after_s)


def parse_post_urls(urls: Sequence[str]) -> list[PostUrl]:
    """Return the distinct posts that the URLs name, in the order given.

    Raises:
        TooManyUrls: there are more than `MAX_URLS_PER_CALL` URLs.
        InvalidPostUrls: at least one URL is not a post; the error lists each with its reason.
    """
    if len(urls) > MAX_URLS_PER_CALL:
        raise TooManyUrls(len(urls))
    posts: dict[str, PostUrl] = {}
    problems: list[tuple[str, InvalidPostUrl]] = []
    for url in urls:
        try:
            post = parse_post_url(url)
        except InvalidPostUrl as exc:
            problems.append((url, exc))
        else:
            posts.setdefault(post.canonical_url, post)
    if problems:
        raise InvalidPostUrls(problems, given=len(urls))
    return list(posts.values())


def admit(
    session: Session,
    user_id: uuid.UUID,
    posts: Sequence[PostUrl],
    *,
    execution_arn_of: Callable[[uuid.UUID, int], str],
    now: datetime,
) -> list[PostAnalysisRequest]:
    """Create one request per platform, ordered by platform name, and count their posts against the plan.

    The caller starts the executions after the commit. If this raises, the caller must roll back the transaction.

    Raises:
        PlanUrlLimitExceeded: there are more posts than the plan allows in one call.
        PlatformUnavailable: a platform is switched off.
        UsageLimitReached: there are more posts than the plan still allows on a platform today.
        NoCurrentPlan: the user has no plan.
    """
    plan = account_service.get_user_plan(session, user_id)
    if len(posts) > plan.max_urls:
        raise PlanUrlLimitExceeded(len(posts), max_urls=plan.max_urls, plan=plan.name)
    by_platform: dict[str, list[PostUrl]] = {}
    for post in sorted(posts, key=lambda post: post.platform):
        by_platform.setdefault(post.platform, []).append(post)
    requests = [
        new_request(platform, own_posts, execution_arn_of=execution_arn_of)
        for platform, own_posts in by_platform.items()
    ]
    pairs = zip(requests, by_platform.values(), strict=True)
    inserted = check_platforms(
        request_queries.insert_requests(
            session,
            user_id,
            requests,
            posts=[row for request, own_posts in pairs for row in _new_posts(request, own_posts)],
            statuses=[first_status(request) for request in requests],
        )
    )
    urls = [CountedUrl(request.id, request.platform, url) for request in inserted for url in request.post_urls]
    usage_service.increment_usage(session, user_id, urls, plan=plan, now=now)
    record_events(session, *(_admitted(request) for request in inserted))
    return inserted


def check_platforms(inserted: Sequence[tuple[PostAnalysisRequest, bool]]) -> list[PostAnalysisRequest]:
    """Return inserted requests.

    Raises:
        PlatformUnavailable: the platform of one is switched off.
    """
    for request, is_platform_active in inserted:
        if not is_platform_active:
            raise PlatformUnavailable(request.platform)
    return [request for request, _ in inserted]


def count_again(session: Session, request: PostAnalysisRequest, urls: Sequence[str], *, now: datetime) -> None:
    """Count the URLs without an analysis again for another attempt, because the last attempt returned them.

    They count today, against the current plan; URLs with an analysis stay charged. The caller holds the lock of the
    request's row, so that no other attempt starts or ends at the same time. If this raises, the caller must roll back
    the transaction.

    Args:
        session: the transaction.
        request: the ended request.
        urls: its URLs without an analysis; empty if only partial analyses are retried.
        now: decides the day.

    Raises:
        UsageLimitReached: the plan does not allow this many posts today.
        NoCurrentPlan: the user has no plan.
    """
    plan = account_service.get_user_plan(session, request.user_id)
    counted = [CountedUrl(request.id, request.platform, url) for url in urls]
    usage_service.increment_usage(session, request.user_id, counted, plan=plan, now=now)


def new_request(
    platform: str, posts: Sequence[PostUrl], *, execution_arn_of: Callable[[uuid.UUID, int], str]
) -> dict[str, object]:
    """Return the row of a new request."""
    request_id = uuid.uuid4()
    return {
        "id": request_id,
        "platform": platform,
        "post_urls": [post.canonical_url for post in posts],
        "status": RequestStatus.PENDING,
        "attempt": FIRST_ATTEMPT,
        "status_seq": 1,
        "execution_arn": execution_arn_of(request_id, FIRST_ATTEMPT),
        "trace_id": trace.current(),
    }


def _new_posts(request: Mapping[str, object], posts: Sequence[PostUrl]) -> list[dict[str, object]]:
    return [
        {
            "request_id": request["id"],
            "position": position,
            "url": post.canonical_url,
            "platform_post_id": post.post_id,
            "path_word": post.path_word,
            "state": PostState.PENDING,
        }
        for position, post in enumerate(posts)
    ]


def first_status(request: Mapping[str, object]) -> dict[str, object]:
    """Return the first step of a new request."""
    return {
        "request_id": request["id"],
        "seq": request["status_seq"],
        "attempt": request["attempt"],
        "stage": Stage.REQUEST_CREATED,
        "progress": 0,
        "message": "The request is accepted.",
        "cost_usd": 0,
        "stage_cost_usd": 0,
    }


def _admitted(request: PostAnalysisRequest) -> Event:
    details = {"platform": request.platform, "urls": len(request.post_urls)}
    return Event(EventCategory.ANALYSIS, "analysis_admitted", request.user_id, request.id, details)
