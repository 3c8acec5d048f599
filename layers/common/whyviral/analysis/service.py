"""What a user may see of their analyses."""

import uuid

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError
from whyviral.core.pagination import Page
from whyviral.social.models import Post

from .models import PostAnalysisRequest
from .repository import RequestRepository


class RequestNotFound(AppError):
    """There is no such request, or it is somebody else's."""

    status_code = 404
    code = "analysis_request_not_found"

    def __init__(self, request_id: uuid.UUID) -> None:
        super().__init__(f"There is no analysis request {request_id}.")


def list_requests(session: Session, user_id: uuid.UUID, *, page: int) -> Page[PostAnalysisRequest]:
    """Return one page of the user's requests, newest first."""
    return RequestRepository(session, user_id).list_page(page)


def get_request(session: Session, user_id: uuid.UUID, request_id: uuid.UUID) -> PostAnalysisRequest:
    """Return a request of the user with its history, URLs and analyses.

    Raises:
        RequestNotFound: it does not exist or is not the user's.
    """
    request = RequestRepository(session, user_id).find_detail(request_id)
    if request is None:
        raise RequestNotFound(request_id)
    return request


def list_posts(session: Session, user_id: uuid.UUID, request_id: uuid.UUID, *, page: int) -> Page[Post]:
    """Return one page of a request's readable posts with their media.

    Raises:
        RequestNotFound: the request does not exist or is not the user's.
    """
    repository = RequestRepository(session, user_id)
    if not repository.is_owner(request_id):
        raise RequestNotFound(request_id)
    return repository.list_posts_page(request_id, page)
