"""How a request ends."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from whyviral.accounts import usage
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory
from whyviral.core.errors import ErrorCategory

from .answer import SUGGESTIONS
from .models import AnalysisRequestPost, PostAnalysisRequest, PostState, RequestStatus, Stage
from .pipeline import Outcome, PostJob, RequestJob, StageResult, fail_post, lock_current, record_status
from .repository import PipelineRepository

_LOST = "This post was lost on our side before it was explained; try again."
_FAILED = "Something went wrong on our side while {doing}; try again."
_UNWATCHED = "Not every video could be watched and listened to; what was missed is left out of the explanation."
_TOO_LONG = "It took too long while {doing}; try again later."
_DOING = {
    Stage.FETCHING_POSTS: "fetching the posts",
    Stage.COLLECTING_MEDIA: "collecting the post's media",
    Stage.TRANSCRIBING: "watching the videos",
    Stage.ANALYSING: "explaining the post",
    Stage.ANALYSIS_COMPLETE: "finishing the analysis",
}
_TIMEOUT_ERRORS = frozenset({"States.Timeout", "States.HeartbeatTimeout", "Sandbox.Timedout"})


def finish_request(session: Session, job: RequestJob, *, now: datetime) -> StageResult:
    """Close a request: COMPLETED when at least one URL was explained, else FAILED with the commonest cause."""
    request = lock_current(session, job)
    if request is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    posts = PipelineRepository(session).list_posts(request.id)
    for post in posts:
        if post.state not in (PostState.ANALYSED, PostState.FAILED):
            fail_post(post, stage=Stage.ANALYSING, category=ErrorCategory.INTERNAL, message=_LOST)
    failed = [post for post in posts if post.state == PostState.FAILED]
    analysed = len(posts) - len(failed)
    viral = PipelineRepository(session).count_viral(request.id)
    request.results = {"posts": len(posts), "analysed": analysed, "failed": len(failed), "viral": viral}
    request.posts_processed = analysed
    _settle(session, request, posts)
    if analysed:
        session.flush()
        PipelineRepository(session).record_analysed(request)
        return _complete(session, request, failed=len(failed), now=now)
    return _fail_for_all(session, request, failed, now=now)


def fail_request(session: Session, job: RequestJob, *, stage: Stage, error: str, now: datetime) -> StageResult:
    """Close a request that broke at `stage`; `error` is the name the state machine gave, such as States.Timeout."""
    request = lock_current(session, job)
    if request is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    category, message = _explain(stage, error)
    _settle(session, request, PipelineRepository(session).list_posts(request.id))
    _close_as_failed(session, request, stage=stage, category=category, message=message, now=now, error=error)
    return StageResult(outcome=Outcome.FAILED)


def fail_lost_post(session: Session, job: PostJob, *, stage: Stage, error: str) -> StageResult:
    """Close one URL whose stage broke; the others go on."""
    if lock_current(session, job) is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    post = PipelineRepository(session).find_post(job.request_id, job.post)
    if post is not None and post.state not in (PostState.ANALYSED, PostState.FAILED):
        category, message = _explain(stage, error)
        fail_post(post, stage=stage, category=category, message=message, details={"error": error})
    return StageResult(outcome=Outcome.FAILED)


def note_unwatched_media(session: Session, job: RequestJob) -> StageResult:
    """Tell the user that the worker did not get to its end; the media it left have no `processed_at`."""
    request = lock_current(session, job)
    if request is None:
        return StageResult(outcome=Outcome.SUPERSEDED)
    record_status(session, request, Stage.TRANSCRIBING, progress=49, message=_UNWATCHED)
    return StageResult(outcome=Outcome.FAILED)


def _settle(session: Session, request: PostAnalysisRequest, posts: Sequence[AnalysisRequestPost]) -> None:
    # What was explained before a request broke is there to read, and a retry does not explain it again: it is charged.
    explained = [post.url for post in posts if post.state == PostState.ANALYSED]
    settled = usage.settle_usage(session, request.id, explained=explained, suggestions=SUGGESTIONS)
    if settled.returned:
        returned = {"platform": request.platform, "returned": settled.returned, "charged": settled.charged}
        record_events(session, Event(EventCategory.BILLING, "usage_returned", request.user_id, request.id, returned))


def _complete(session: Session, request: PostAnalysisRequest, *, failed: int, now: datetime) -> StageResult:
    _close(session, request, RequestStatus.COMPLETED, now=now)
    if failed:
        known, asked = request.posts_processed, request.posts_processed + failed
        message = f"{known} of {asked} posts are explained; each of the others says why it is not."
        record_status(session, request, Stage.PARTIAL_SUCCESS, progress=100, message=message)
    else:
        record_status(session, request, Stage.ANALYSIS_COMPLETE, progress=100, message="All posts are explained.")
    return StageResult(outcome=Outcome.COMPLETED)


def _fail_for_all(
    session: Session, request: PostAnalysisRequest, failed: Sequence[AnalysisRequestPost], *, now: datetime
) -> StageResult:
    causes = Counter((post.error_stage, post.error_category, post.error) for post in failed)
    (stage, category, message), _ = causes.most_common(1)[0]
    _close_as_failed(
        session,
        request,
        stage=Stage(stage or Stage.ANALYSING),
        category=ErrorCategory(category or ErrorCategory.INTERNAL),
        message=message or _LOST,
        now=now,
    )
    is_ours = any(not ErrorCategory(post.error_category or ErrorCategory.INTERNAL).is_users_side for post in failed)
    return StageResult(outcome=Outcome.FAILED if is_ours else Outcome.NO_RESULT)


def _close_as_failed(
    session: Session,
    request: PostAnalysisRequest,
    *,
    stage: Stage,
    category: ErrorCategory,
    message: str,
    now: datetime,
    error: str | None = None,
) -> None:
    request.error_stage = stage
    request.error_category = category
    request.error_details = {"message": message} | ({"error": error} if error else {})
    _close(session, request, RequestStatus.FAILED, now=now)
    record_status(session, request, Stage.ERROR, progress=request.progress, message=message)


def _close(session: Session, request: PostAnalysisRequest, status: RequestStatus, *, now: datetime) -> None:
    request.status = status
    request.finished_at = now
    request.duration_seconds = Decimal(
        str(round((now - (request.started_at or request.created_at)).total_seconds(), 3))
    )
    name = "analysis_finished" if status is RequestStatus.COMPLETED else "analysis_failed"
    details = {
        "platform": request.platform,
        "attempt": request.attempt,
        "urls": len(request.post_urls),
        "explained": request.posts_processed,
        "stage": request.error_stage,
        "category": request.error_category,
    }
    record_events(session, Event(EventCategory.ANALYSIS, name, request.user_id, request.id, details))


def _explain(stage: Stage, error: str) -> tuple[ErrorCategory, str]:
    doing = _DOING.get(stage, "working on it")
    if error in _TIMEOUT_ERRORS:
        return ErrorCategory.TIMEOUT, _TOO_LONG.format(doing=doing)
    return ErrorCategory.INTERNAL, _FAILED.format(doing=doing)
