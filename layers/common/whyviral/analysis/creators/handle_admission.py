"""Admission of a handle: one request whose posts FetchPosts chooses, counted as a handle and as that many URLs."""

import uuid
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.accounts import service as account_service
from whyviral.analysis.admission import PlanUrlLimitExceeded, check_platforms, first_status, new_request
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.analysis.repository import request_queries
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory
from whyviral.core.errors import AppError
from whyviral.social.creator_handles import CreatorHandle, InvalidHandle, parse_handle
from whyviral.social.platforms import Platform
from whyviral.usage.handles import CountedHandle, increment_handle_usage, is_handle_returned, slots_of


class InvalidCreatorHandle(AppError):
    """The handle or profile URL names no account of a supported platform, so no analysis was started."""

    status_code = 422
    code = "invalid_handle"

    def __init__(self, problem: InvalidHandle) -> None:
        super().__init__(problem.message)


def parse_creator(handle: str, platform: Platform | None) -> CreatorHandle:
    """Return the account that a handle or a profile URL names.

    Raises:
        InvalidCreatorHandle: it names none.
    """
    try:
        return parse_handle(handle, platform)
    except InvalidHandle as problem:
        raise InvalidCreatorHandle(problem) from None


def admit_handle(
    session: Session,
    user_id: uuid.UUID,
    creator: CreatorHandle,
    *,
    posts: int,
    execution_arn_of: Callable[[uuid.UUID, int], str],
    now: datetime,
) -> PostAnalysisRequest:
    """Create a request for a creator's best posts and count it, all or nothing.

    The caller starts the execution after the commit. If this raises, the caller must roll back the transaction.

    Raises:
        PlanUrlLimitExceeded: more posts than the plan allows in one call.
        PlatformUnavailable: the platform is switched off.
        UsageLimitReached: the plan allows no more handles or posts on the platform today.
        NoCurrentPlan: the user has no plan.
    """
    plan = account_service.get_user_plan(session, user_id)
    if posts > plan.max_urls:
        raise PlanUrlLimitExceeded(posts, max_urls=plan.max_urls, plan=plan.name)
    row = new_request(creator.platform, (), execution_arn_of=execution_arn_of)
    row |= {"handle": creator.handle, "handle_posts": posts, "display_name": f"@{creator.handle}"}
    inserted = request_queries.insert_requests(session, user_id, [row], posts=[], statuses=[first_status(row)])
    (request,) = check_platforms(inserted)
    counted = CountedHandle(request.id, creator.platform, creator.handle, slots_of(posts))
    increment_handle_usage(session, user_id, counted, plan=plan, now=now)
    details = {"platform": request.platform, "posts": posts}
    record_events(session, Event(EventCategory.ANALYSIS, "handle_admitted", user_id, request.id, details))
    return request


def count_handle_again(session: Session, request: PostAnalysisRequest, urls: list[str], *, now: datetime) -> None:
    """Count what an ended request for a handle returned again, for another attempt; as `count_again` for URLs.

    Args:
        session: the transaction, which holds the lock of the request.
        request: the ended request.
        urls: its URLs without an analysis; ignored if no posts were chosen yet.
        now: decides the day.

    Raises:
        UsageLimitReached: the plan does not allow it today.
        NoCurrentPlan: the user has no plan.
    """
    plan = account_service.get_user_plan(session, request.user_id)
    has_posts = bool(request.post_urls)
    counted = CountedHandle(
        request.id,
        request.platform,
        request.handle or "",
        urls if has_posts else slots_of(request.handle_posts or 0),
        counts_handle=is_handle_returned(session, request.id),
    )
    increment_handle_usage(session, request.user_id, counted, plan=plan, now=now)
