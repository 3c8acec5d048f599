"""Ends requests: finishes them, fails them, and fails single posts of them."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory, EventLevel
from whyviral.core.errors import ErrorCategory
from whyviral.core.telemetry.catalogue import ANALYSES_ENDED, ANALYSIS_DURATION, ANALYSIS_ERRORS
from whyviral.core.telemetry.on_commit import record_on_commit
from whyviral.social import repository as social_repository
from whyviral.social.platforms import Platform
from whyviral.usage import service as usage_service
from whyviral.webhooks.outgoing.models import EventType
from whyviral.webhooks.outgoing.repository import create_deliveries

from .models import SUGGESTIONS, AnalysisRequestPost, PostAnalysisRequest, PostState, RequestStatus, Stage
from .pipeline import Outcome, PostJob, RequestJob, StageResult, fail_post, lock_current, record_status
from .repository import attempt_queries
from .stage_failure import StageFailure, read_stage_failure

_NEVER_ANALYSED = "This post was lost on our side before it was explained; try again."
_TOO_LATE = "There was no time left to explain this post; try again."
_WORKER_FAILED = "Not every video could be watched and listened to; what was missed is left out of the explanation."


class AnalysisEventData(BaseModel):
    """What a webhook reports about an ended analysis, without the link to it: ids, states and counts, no content."""

    analysis_request_id: uuid.UUID
    attempt: Annotated[int, Field(description="A retry of the analysis is reported again, with the next number.")]
    platform: Platform
    status: RequestStatus
    urls: Annotated[int, Field(description="The posts of the analysis.")]
    explained: Annotated[int, Field(description="The posts that have an explanation.")]
    is_partial: Annotated[bool, Field(description="Posts or some of their media are missing; a retry may get them.")]
    error_category: Annotated[ErrorCategory | None, Field(description="Why the analysis failed; null if it did not.")]


def finish_request(session: Session, job: RequestJob, *, now: datetime) -> StageResult:
    """Close a request: COMPLETED if at least one URL was explained, else FAILED with the most common cause.

    Returns:
        superseded; failed, if a URL has no analysis for a cause on our side; completed; or no_result.
    """
    request = lock_current(session, job)
    if request is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    posts = attempt_queries.list_request_posts(session, request.id)
    for post in _unfinished(posts):
        # The state machine starts no post that it could not finish in time. A post that was never fetched is a bug.
        is_late = post.state != PostState.PENDING
        category, message = (ErrorCategory.TIMEOUT, _TOO_LATE) if is_late else (ErrorCategory.INTERNAL, _NEVER_ANALYSED)
        fail_post(post, stage=Stage.ANALYSING, category=category, message=message)
    closed = _close(session, request, posts, now=now)
    outcome = Outcome.COMPLETED if closed.is_explained else Outcome.NO_RESULT
    if any(_is_ours(post) for post in posts) or (not posts and not _is_users_side(request)):
        outcome = Outcome.FAILED
    return StageResult(outcome=outcome, deliveries=closed.deliveries)


def fail_request(
    session: Session, job: RequestJob, *, stage: Stage, error: str, now: datetime, cause: str = ""
) -> StageResult:
    """Close a request that failed at `stage`: COMPLETED if at least one URL was explained before, else FAILED.

    Args:
        session: the transaction.
        job: the attempt that failed.
        stage: the stage that failed.
        error: the error name of the state machine, such as States.Timeout, or a name of our own.
        now: the time.
        cause: the detail that came with the name: see `read_stage_failure`.

    Returns:
        failed, also if the request is COMPLETED, because a part of our system failed; or superseded.
    """
    request = lock_current(session, job)
    if request is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    stage_failure = read_stage_failure(stage, error, cause)
    posts = attempt_queries.list_request_posts(session, request.id)
    if stage is Stage.FETCHING_POSTS and stage_failure.function_has_ended:
        # The function has ended, so its leases can be released: a retry need not wait until they expire.
        pending = [post.platform_post_id for post in posts if post.state == PostState.PENDING]
        social_repository.release_claims(session, request.platform, pending, lease_owner=job.lease_owner)
    for post in _unfinished(posts):
        _fail_post_of_stage(post, stage_failure)
    closed = _close(session, request, posts, now=now, stage_failure=stage_failure)
    return StageResult(outcome=Outcome.FAILED, deliveries=closed.deliveries)


def fail_post_of_stage(session: Session, job: PostJob, *, stage: Stage, error: str, cause: str = "") -> StageResult:
    """Close one URL whose stage failed; the other URLs continue."""
    if lock_current(session, job) is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    post = attempt_queries.find_request_post(session, job.request_id, job.request_post_id)
    if post is not None and _unfinished([post]):
        stage_failure = read_stage_failure(stage, error, cause)
        if stage is Stage.ANALYSING and stage_failure.function_has_ended:
            post.asked_until = None  # the run that was calling the model has ended
        _fail_post_of_stage(post, stage_failure)
    return StageResult(outcome=Outcome.FAILED)


def record_worker_failure(session: Session, job: RequestJob) -> StageResult:
    """Record for the user that the worker failed; the media that it did not process have no `processed_at`."""
    request = lock_current(session, job)
    if request is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    record_status(session, request, Stage.TRANSCRIBING, progress=49, message=_WORKER_FAILED)
    return StageResult(outcome=Outcome.FAILED)


def _unfinished(posts: Sequence[AnalysisRequestPost]) -> list[AnalysisRequestPost]:
    return [post for post in posts if post.state not in (PostState.ANALYSED, PostState.FAILED)]


def _fail_post_of_stage(post: AnalysisRequestPost, stage_failure: StageFailure) -> None:
    fail_post(
        post,
        stage=stage_failure.stage,
        category=stage_failure.category,
        message=stage_failure.message,
        details=stage_failure.details,
    )


def _is_ours(post: AnalysisRequestPost) -> bool:
    """Return whether a cause on our side prevented the post's analysis, or a better one in this attempt."""
    if post.state != PostState.FAILED and post.error_category is None:
        return False
    return not ErrorCategory(post.error_category or ErrorCategory.INTERNAL).is_users_side


def _is_users_side(request: PostAnalysisRequest) -> bool:
    """Return whether a request for a handle failed because of the account."""
    return ErrorCategory(request.error_category or ErrorCategory.INTERNAL).is_users_side


@dataclass(frozen=True, slots=True)
class _Closed:
    """A request that has ended."""

    is_explained: bool
    """At least one URL is explained."""
    deliveries: tuple[uuid.UUID, ...]
    """The webhooks that report it."""


def _close(
    session: Session,
    request: PostAnalysisRequest,
    posts: Sequence[AnalysisRequestPost],
    *,
    now: datetime,
    stage_failure: StageFailure | None = None,
) -> _Closed:
    """Settle, close and report a request whose URLs have all ended."""
    explained = [post for post in posts if post.state == PostState.ANALYSED]
    request.results = {
        "posts": len(posts),
        "analysed": len(explained),
        "partial": sum(post.is_partial for post in explained),
        "failed": len(posts) - len(explained),
        "viral": attempt_queries.count_viral_posts(session, request.id),
    }
    request.posts_processed = len(explained)
    request.finished_at = now
    request.duration_seconds = Decimal(
        str(round((now - (request.started_at or request.created_at)).total_seconds(), 3))
    )
    _settle(session, request, explained)
    if explained:
        session.flush()
        attempt_queries.record_analysed_posts(session, request)
        _complete(session, request, explained)
    else:
        _fail(session, request, posts, stage_failure)
    _record_end(session, request, stage_failure)
    _measure_end(session, request, posts)
    return _Closed(bool(explained), _report(session, request, explained, now=now))


def _settle(session: Session, request: PostAnalysisRequest, explained: Sequence[AnalysisRequestPost]) -> None:
    # URLs that were explained before the request failed are charged: they are readable, and a retry skips them.
    urls = [post.url for post in explained]
    settled = usage_service.settle_usage(session, request.id, explained=urls, suggestions=SUGGESTIONS)
    if settled.returned:
        returned = {"platform": request.platform, "returned": settled.returned, "charged": settled.charged}
        record_events(session, Event(EventCategory.BILLING, "usage_returned", request.user_id, request.id, returned))


def _complete(session: Session, request: PostAnalysisRequest, explained: Sequence[AnalysisRequestPost]) -> None:
    """Complete the request with the explained posts; each URL has its own error, and the request's stay empty."""
    request.status = RequestStatus.COMPLETED
    analysed, total = len(explained), len(request.post_urls)
    has_failed_model = any(post.is_partial and post.error_category is not None for post in explained)
    measured = attempt_queries.count_measured_posts(session, request.id) if has_failed_model else 0
    partial = sum(post.is_partial for post in explained) - measured
    if analysed == total and not partial and not measured:
        record_status(session, request, Stage.ANALYSIS_COMPLETE, progress=100, message="All posts are explained.")
        return
    message = f"{analysed} of {total} posts are explained"
    if measured:
        message += f", {measured} of them computed from measurements, no model was asked: a retry asks it"
    if partial:
        message += f", {partial} of them without all of its media: a retry may get what was missing"
    message += "." if analysed == total else "; each of the others says why it is not."
    record_status(session, request, Stage.PARTIAL_SUCCESS, progress=100, message=message)


def _fail(
    session: Session,
    request: PostAnalysisRequest,
    posts: Sequence[AnalysisRequestPost],
    stage_failure: StageFailure | None,
) -> None:
    """Fail the request with the stage failure, or without one with the most common error of its URLs or its own."""
    details: dict[str, Any] | None = None
    # A request for a handle has no posts if the creator's could not be listed; FetchPosts recorded why.
    stage, category, message = request.error_stage, request.error_category, request.error
    if posts:
        causes = Counter((post.error_stage, post.error_category, post.error) for post in posts)
        (stage, category, message), _ = causes.most_common(1)[0]
        details = next(post.error_details for post in posts if post.error == message)
    if stage_failure is not None:
        stage, category, message, details = (
            stage_failure.stage,
            stage_failure.category,
            stage_failure.message,
            dict(stage_failure.details),
        )
    request.status = RequestStatus.FAILED
    request.error_stage = stage or Stage.ANALYSING
    request.error_category = category or ErrorCategory.INTERNAL
    request.error_details = {**(details or {}), "message": message or _NEVER_ANALYSED}
    record_status(session, request, Stage.ERROR, progress=request.progress, message=message or _NEVER_ANALYSED)


def _record_end(session: Session, request: PostAnalysisRequest, stage_failure: StageFailure | None) -> None:
    is_completed = request.status == RequestStatus.COMPLETED
    name, level = ("analysis_finished", EventLevel.INFO) if is_completed else ("analysis_failed", EventLevel.WARNING)
    details = {
        "platform": request.platform,
        "attempt": request.attempt,
        "urls": len(request.post_urls),
        "explained": request.posts_processed,
        "stage": stage_failure.stage if stage_failure else request.error_stage,
        "category": stage_failure.category if stage_failure else request.error_category,
    }
    record_events(session, Event(EventCategory.ANALYSIS, name, request.user_id, request.id, details, level))


def _measure_end(session: Session, request: PostAnalysisRequest, posts: Sequence[AnalysisRequestPost]) -> None:
    failed = [post for post in posts if post.state == PostState.FAILED]
    is_partial = bool(failed) or any(post.is_partial for post in posts)
    outcome = "failed" if request.status == RequestStatus.FAILED else "partial" if is_partial else "completed"
    record_on_commit(session, ANALYSES_ENDED, Platform=request.platform, Outcome=outcome)
    record_on_commit(session, ANALYSIS_DURATION, float(request.duration_seconds or 0), Platform=request.platform)
    for post in failed:
        record_on_commit(session, ANALYSIS_ERRORS, Category=post.error_category or ErrorCategory.INTERNAL)


def _report(
    session: Session, request: PostAnalysisRequest, explained: Sequence[AnalysisRequestPost], *, now: datetime
) -> tuple[uuid.UUID, ...]:
    """Create the webhooks that report the end of a request, in one statement; none if the user has no endpoint."""
    is_completed = request.status == RequestStatus.COMPLETED
    data = AnalysisEventData(
        analysis_request_id=request.id,
        attempt=request.attempt,
        platform=Platform(request.platform),
        status=RequestStatus(request.status),
        urls=len(request.post_urls),
        explained=len(explained),
        is_partial=is_completed and (len(explained) < len(request.post_urls) or any(p.is_partial for p in explained)),
        error_category=None if is_completed else ErrorCategory(request.error_category or ErrorCategory.INTERNAL),
    )
    event = EventType.ANALYSIS_COMPLETED if is_completed else EventType.ANALYSIS_FAILED
    return tuple(
        create_deliveries(
            session,
            request.user_id,
            event,
            data.model_dump(mode="json"),
            analysis_request_id=request.id,
            now=now,
        )
    )
