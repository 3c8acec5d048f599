"""Creates, revokes and resolves share links."""

import hashlib
import secrets
import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from whyviral.analysis.models import PostAnalysisRequest, RequestStatus
from whyviral.analysis.repository import request_queries
from whyviral.analysis.service import RequestNotFound, find_request
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory
from whyviral.core.errors import AppError
from whyviral.throttling.rate_limits import RatePolicy

from . import repository
from .report import public_report
from .schemas import SharedReport

SHARED_RATE = RatePolicy("shared", limit=60, window=timedelta(minutes=1))
"""The limit per client address for reading shared reports."""
_TOKEN_BYTES = 32


class ReportNotReady(AppError):
    """The analysis is still running, so there is no report to share yet."""

    status_code = 409
    code = "report_not_ready"

    def __init__(self) -> None:
        super().__init__("This analysis is still running. Share its report after it has ended.")


class SharedReportNotFound(AppError):
    """The link is unknown, revoked or replaced, or its report was deleted."""

    status_code = 404
    code = "shared_report_not_found"

    def __init__(self) -> None:
        super().__init__("This link shows no report. Ask the person who sent it for a new one.")


def create_link(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> str:
    """Return the token of a new link to an ended request of the user; it replaces an earlier link.

    Raises:
        RequestNotFound: the request does not exist, is not the user's or was deleted.
        ReportNotReady: the request has not ended.
    """
    request = _lock_request(session, user_id, request_id)
    if request.status in (RequestStatus.PENDING, RequestStatus.PROCESSING):
        raise ReportNotReady
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    repository.save_link(session, request_id, _hash_of(token))
    record_events(session, Event(EventCategory.ANALYSIS, "report_shared", user_id, request_id))
    return token


def revoke_link(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> None:
    """Revoke the link to a request of the user; has no effect if there is none.

    Raises:
        RequestNotFound: the request does not exist, is not the user's or was deleted.
    """
    _lock_request(session, user_id, request_id)
    if repository.delete_link(session, request_id):
        record_events(session, Event(EventCategory.ANALYSIS, "share_revoked", user_id, request_id))


def get_shared_report(session: Session, token: str) -> SharedReport:
    """Return the public part of the report to which a link leads.

    Every text is hashed and looked up, in any form, so that all links without a report are treated alike.

    Raises:
        SharedReportNotFound: there is no report.
    """
    shared = repository.find_shared(session, _hash_of(token))
    request = None if shared is None else find_request(session, *shared)
    if request is None:
        raise SharedReportNotFound
    return public_report(request, repository.list_posts(session, request.id))


def _lock_request(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> PostAnalysisRequest:
    """Lock a request, so that it is not deleted at the same time and leaves no link behind."""
    request = request_queries.lock_request(session, user_id, request_id)
    if request is None:
        raise RequestNotFound(request_id)
    return request


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
