"""Analysis requests of all users for administrators: progress, cost and errors, without the results."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from whyviral.analysis.models import PostAnalysisRequest, RequestStatus
from whyviral.analysis.schemas import RequestPostOut, RequestSummary, StatusOut
from whyviral.analysis.service import RequestNotFound
from whyviral.analytics.models import AppLog
from whyviral.core.pagination import Page, read_page
from whyviral.vendor_calls.models import ExternalApiCallLog

from . import logs as log_oversight
from .logs import CallOut, EventOut


class AnyRequestOut(RequestSummary):
    """An analysis request with its user."""

    user_id: uuid.UUID
    execution_arn: str | None


class AnyRequest(AnyRequestOut):
    """An analysis request with its status history and its URLs."""

    status_history: list[StatusOut]
    posts: list[RequestPostOut]


class TimelineOut(BaseModel):
    """A request with its vendor calls and its log events, each oldest first."""

    model_config = ConfigDict(from_attributes=True)

    request: AnyRequest
    external_calls: list[CallOut]
    events: list[EventOut]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A request with its vendor calls and its log events."""

    request: PostAnalysisRequest
    external_calls: Sequence[ExternalApiCallLog]
    events: Sequence[AppLog]


def list_requests(
    session: Session, *, page: int, user_id: uuid.UUID | None = None, status: RequestStatus | None = None
) -> Page[Any]:
    """Return a page of the requests of all users, or of one user, newest first."""
    query = select(PostAnalysisRequest).order_by(PostAnalysisRequest.created_at.desc(), PostAnalysisRequest.id)
    if user_id is not None:
        query = query.where(PostAnalysisRequest.user_id == user_id)
    if status is not None:
        query = query.where(PostAnalysisRequest.status == status)
    return read_page(session, query, page)


def get_timeline(session: Session, request_id: uuid.UUID) -> Timeline:
    """Return any user's request with its vendor calls and its log events.

    Raises:
        RequestNotFound: the request does not exist.
    """
    request = session.get(
        PostAnalysisRequest,
        request_id,
        options=[selectinload(PostAnalysisRequest.status_history), selectinload(PostAnalysisRequest.posts)],
    )
    if request is None:
        raise RequestNotFound(request_id)
    return Timeline(
        request,
        external_calls=log_oversight.list_calls_of_request(session, request_id),
        events=log_oversight.list_events_of_request(session, request_id),
    )
