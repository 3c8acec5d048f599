"""Read access of users to their own analyses."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from whyviral.core.database import allow_writes
from whyviral.core.errors import AppError
from whyviral.core.pagination import Page
from whyviral.social.models import Post

from .repository import request_queries
from .repository.request_queries import RequestWithParts
from .schemas import RequestDetail, RequestSummary
from .suggestions.results import suggestion_out
from .user_requests.views import record_views


class RequestNotFound(AppError):
    """There is no such analysis request, or it belongs to another user."""

    status_code = 404
    code = "analysis_request_not_found"

    def __init__(self, request_id: uuid.UUID) -> None:
        super().__init__(f"There is no analysis request {request_id}. Check the id, or list your requests.")


class PostAnalysisNotFound(AppError):
    """There is no such analysis of a post, or it belongs to another user."""

    status_code = 404
    code = "post_analysis_not_found"

    def __init__(self, post_analysis_id: uuid.UUID) -> None:
        super().__init__(
            f"There is no analysis {post_analysis_id} of a post. Take an id from `post_analyses` of your request."
        )


def get_request(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> RequestDetail:
    """Return a request of the user with its history, URLs and analyses, and record that the user has viewed its posts.

    Raises:
        RequestNotFound: the request does not exist or is not the user's.
    """
    found = request_queries.find_request_with_parts(session, user_id, request_id)
    if found is None:
        raise RequestNotFound(request_id)
    if found.is_view_due:
        allow_writes(session)
        record_views(session, user_id, request_id)
    return _detail(found)


def find_request(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> RequestDetail | None:
    """Return a request of the user with its parts, without recording a view; None if it is not readable."""
    found = request_queries.find_request_with_parts(session, user_id, request_id)
    return None if found is None else _detail(found)


def _detail(found: RequestWithParts) -> RequestDetail:
    summary = {name: getattr(found.request, name) for name in RequestSummary.model_fields}
    parts = {"status_history": found.status_history, "posts": found.posts, "post_analyses": _analyses(found)}
    return RequestDetail.model_validate(summary | parts | {"is_shared": found.is_shared})


def _analyses(found: RequestWithParts) -> list[dict[str, Any]]:
    """Return the analyses, each with its suggestions."""
    return [
        analysis
        | {
            "suggestions": [
                suggestion_out(row, analysis["metadata_used"])
                for row in found.suggestions
                if row["post_analysis_id"] == analysis["id"]
            ]
        }
        for analysis in found.post_analyses
    ]


def list_posts(session: Session, user_id: uuid.UUID, request_id: uuid.UUID, *, page: int) -> Page[Post]:
    """Return one page of a request's readable posts with their media.

    Raises:
        RequestNotFound: the request does not exist or is not the user's.
    """
    found = request_queries.list_posts_page(session, user_id, request_id, page)
    if found.count == 0 and not request_queries.is_owner(session, user_id, request_id):
        raise RequestNotFound(request_id)
    return found
