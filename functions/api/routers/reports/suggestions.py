"""Routes by which users follow up the suggestions of their analyses."""

import uuid
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from whyviral.analysis.suggestions import service
from whyviral.analysis.suggestions.schemas import FollowUpBody, SuggestionOut
from whyviral.analysis.suggestions.service import FollowUpIsOriginal, InvalidFollowUpUrl, SuggestionNotFound

router = APIRouter(
    prefix="/api/analysis/suggestions",
    tags=["analysis"],
    route_class=AuthenticatedRoute,
    responses=error_responses(*SIGNED_IN),
)


@router.post(
    "/{suggestion_id}/done/",
    response_model=SuggestionOut,
    responses=error_responses(*SIGNED_IN, SuggestionNotFound, InvalidFollowUpUrl, FollowUpIsOriginal),
)
def mark_suggestion_done(
    suggestion_id: uuid.UUID, body: FollowUpBody, user: CurrentUser, session: SessionDep, services: ServicesDep
) -> Any:
    """Mark a suggestion as done with a new post. Repeating it changes nothing, and another URL replaces the first."""
    return service.mark_done(session, user.id, suggestion_id, body.url, now=services.clock())


@router.delete(
    "/{suggestion_id}/done/",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(*SIGNED_IN, SuggestionNotFound),
)
def undo_suggestion(suggestion_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Remove the mark of a suggestion. A later retry may rewrite its text."""
    service.undo(session, user.id, suggestion_id)
