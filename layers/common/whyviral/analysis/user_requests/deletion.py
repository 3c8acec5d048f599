"""Deletion of an ended request by its user. What says what was paid and counted stays."""

import uuid
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from whyviral.analysis.models import (
    AnalysisRequestPost,
    AnalysisStatus,
    PostAnalysis,
    PostAnalysisRequest,
    RequestStatus,
)
from whyviral.analysis.repository import request_queries
from whyviral.analysis.service import RequestNotFound
from whyviral.analysis.sharing.models import ShareLink
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory
from whyviral.core.errors import AppError
from whyviral.social.models import UserPostActivity


class RequestStillRunning(AppError):
    """The analysis is still running."""

    status_code = 409
    code = "analysis_still_running"

    def __init__(self) -> None:
        super().__init__("This analysis is still running. Delete it after it has ended.")


def delete_request(session: Session, user_id: uuid.UUID, request_id: uuid.UUID, *, now: datetime) -> None:
    """Delete an ended request of the user with its history, URLs, analyses and share link, and what depends on these.

    The request's row stays without its URLs and names, and so do usage, reservations and logged calls. Public posts
    and their media stay, because all requests share them.

    Raises:
        RequestNotFound: the request does not exist, is not the user's or was deleted.
        RequestStillRunning: the request has not ended.
    """
    request = request_queries.lock_request(session, user_id, request_id)
    if request is None:
        raise RequestNotFound(request_id)
    if request.status in (RequestStatus.PENDING, RequestStatus.PROCESSING):
        raise RequestStillRunning
    _delete_activities(session, request)
    for part in (PostAnalysis, AnalysisRequestPost, AnalysisStatus, ShareLink):
        session.execute(delete(part).where(part.request_id == request.id))
    request.post_urls = []
    request.display_name = request.error_details = None
    request.deleted_at = now
    details = {"platform": request.platform, "attempt": request.attempt}
    record_events(session, Event(EventCategory.ANALYSIS, "analysis_deleted", user_id, request_id, details))


def _delete_activities(session: Session, request: PostAnalysisRequest) -> None:
    """Delete the user's activities with posts that no other request of the user contains."""
    contained = select(AnalysisRequestPost.post_id).where(
        AnalysisRequestPost.request_id == request.id, AnalysisRequestPost.post_id.is_not(None)
    )
    elsewhere = (
        select(AnalysisRequestPost.post_id)
        .join(PostAnalysisRequest, PostAnalysisRequest.id == AnalysisRequestPost.request_id)
        .where(
            PostAnalysisRequest.user_id == request.user_id,
            PostAnalysisRequest.id != request.id,
            AnalysisRequestPost.post_id == UserPostActivity.post_id,
        )
    )
    session.execute(
        delete(UserPostActivity).where(
            UserPostActivity.user_id == request.user_id,
            UserPostActivity.post_id.in_(contained),
            ~elsewhere.exists(),
        )
    )
