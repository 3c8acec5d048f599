"""Retries: starts another attempt of an ended request, which resumes from the saved results."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory
from whyviral.core.errors import AppError

from .admission import count_again
from .creators.handle_admission import count_handle_again
from .models import PostAnalysisRequest, RequestStatus, Stage
from .repository import request_queries
from .repository.request_queries import ReopenedPost
from .service import RequestNotFound


class _RetryRefused(AppError):
    """The request cannot be retried, or not yet."""

    status_code = 409

    def __init__(self, message: str, request: PostAnalysisRequest) -> None:
        details = {"retry_count": request.retry_count, "max_retries": request.max_retries}
        super().__init__(message, details=details)


class AnalysisStillRunning(_RetryRefused):
    """The analysis is still running."""

    code = "analysis_still_running"

    def __init__(self, request: PostAnalysisRequest) -> None:
        super().__init__("This analysis is still running. Retry it after it has ended.", request)


class AnalysisComplete(_RetryRefused):
    """The analysis is complete; there is nothing to retry."""

    code = "analysis_complete"

    def __init__(self, request: PostAnalysisRequest) -> None:
        super().__init__("This analysis is complete. There is nothing to retry.", request)


class RetriesUsedUp(_RetryRefused):
    """The analysis has no retries left."""

    code = "retries_used_up"

    def __init__(self, request: PostAnalysisRequest) -> None:
        super().__init__("No retries left; start a new analysis.", request)


def retry(
    session: Session,
    user_id: uuid.UUID,
    request_id: uuid.UUID,
    *,
    execution_arn_of: Callable[[uuid.UUID, int], str],
    now: datetime,
) -> PostAnalysisRequest:
    """Start another attempt of an ended request, for its posts without an analysis and those with a partial one.

    Fetched posts, stored media, transcripts and analyses are kept. Posts without an analysis count again, today. The
    caller starts the execution after the commit. If this raises, the caller must roll back the transaction.

    Raises:
        RequestNotFound: the request does not exist or is not the user's.
        AnalysisStillRunning: the request has not ended.
        AnalysisComplete: every post has a complete analysis.
        RetriesUsedUp: no retries are left.
        UsageLimitReached: the plan does not allow this many posts today.
        NoCurrentPlan: the user has no plan.
    """
    request = request_queries.lock_request(session, user_id, request_id)
    if request is None:
        raise RequestNotFound(request_id)
    if request.status in (RequestStatus.PENDING, RequestStatus.PROCESSING):
        raise AnalysisStillRunning(request)
    posts = request_queries.reopen_posts(session, request)
    has_no_posts_yet = request.handle is not None and not request.post_urls
    if not posts and not has_no_posts_yet:
        raise AnalysisComplete(request)
    if request.retry_count >= request.max_retries:
        raise RetriesUsedUp(request)
    urls = [post.url for post in posts if not post.is_partial]
    if request.handle is None:
        count_again(session, request, urls, now=now)
    else:
        count_handle_again(session, request, urls, now=now)
    arn = execution_arn_of(request.id, request.attempt + 1)
    request = request_queries.start_attempt(session, request, execution_arn=arn, now=now)
    request_queries.insert_statuses(session, [_first_status(request, posts)])
    record_events(session, *_events(request, posts))
    return request


def _first_status(request: PostAnalysisRequest, posts: Sequence[ReopenedPost]) -> dict[str, object]:
    message = f"Retrying {len(posts)} of {len(request.post_urls)} posts."
    if not request.post_urls:
        message = f"Retrying the list of posts by @{request.handle}."
    if refetched := _count_dead_links(posts):
        message += f" Media links of {refetched} of them have expired, so those posts are fetched again."
    return {
        "request_id": request.id,
        "seq": request.status_seq,
        "attempt": request.attempt,
        "stage": Stage.RETRYING,
        # The shown progress never decreases, because the results of earlier attempts are kept.
        "progress": request.progress,
        "message": message,
        "cost_usd": request.cost_usd,
    }


def _events(request: PostAnalysisRequest, posts: Sequence[ReopenedPost]) -> list[Event]:
    details = {"platform": request.platform, "attempt": request.attempt}
    retried = details | {"urls": len(posts), "partial": sum(post.is_partial for post in posts)}
    events = [Event(EventCategory.ANALYSIS, "analysis_retried", request.user_id, request.id, retried)]
    if refetched := _count_dead_links(posts):
        fetched = details | {"urls": refetched}
        events.append(Event(EventCategory.SCRAPE, "dead_links_refetched", request.user_id, request.id, fetched))
    return events


def _count_dead_links(posts: Sequence[ReopenedPost]) -> int:
    return sum(post.has_dead_links for post in posts)
