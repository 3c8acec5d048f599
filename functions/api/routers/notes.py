"""Routes for the caller's notes about analyses."""

import uuid
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import PageNumber, ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from functions.api.pages import PageOut, page_out
from whyviral.analysis.service import PostAnalysisNotFound
from whyviral.notes import service as notes_service
from whyviral.notes.schemas import NoteBody, NoteOut, NoteSummary
from whyviral.notes.service import NoteChanged, NoteNotFound

router = APIRouter(
    prefix="/api/analysis/notes", tags=["notes"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)

Search = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Only notes with this text in title, content, or the post's username or URL.",
    ),
]


class NoteList(PageOut[NoteSummary]):
    """One page of notes."""


@router.get("/", response_model=NoteList)
def list_notes(
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
    search: Search = None,
) -> Any:
    """List the caller's notes, the latest edit first."""
    found = notes_service.list_notes(session, user.id, page=page, search=search)
    return page_out(found, NoteList, request=request, services=services)


@router.get("/{post_analysis_id}/", response_model=NoteOut, responses=error_responses(*SIGNED_IN, NoteNotFound))
def get_note(post_analysis_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> Any:
    """Return the caller's note about an analysis."""
    return notes_service.get_note(session, user.id, post_analysis_id)


@router.post(
    "/save/",
    response_model=NoteOut,
    responses={
        **error_responses(*SIGNED_IN, PostAnalysisNotFound, NoteChanged),
        HTTPStatus.CREATED: {"model": NoteOut, "description": "The note is new."},
    },
)
def save_note(body: NoteBody, user: CurrentUser, session: SessionDep, response: Response) -> Any:
    """Save the caller's note about an analysis: 201 for the first one, 200 for one that replaces it."""
    note, is_new = notes_service.save_note(session, user.id, body)
    if is_new:
        response.status_code = HTTPStatus.CREATED
    return note


@router.delete(
    "/{note_id}/delete/",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(*SIGNED_IN, NoteNotFound),
)
def delete_note(note_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete a note of the caller."""
    notes_service.delete_note(session, user.id, note_id)
