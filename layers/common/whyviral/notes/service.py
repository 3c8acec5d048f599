"""Rules of notes: one per user and analysis, and no edit overwrites another one unseen."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from whyviral.analysis.service import PostAnalysisNotFound
from whyviral.core.errors import AppError
from whyviral.core.pagination import Page
from whyviral.social import repository as social_repository
from whyviral.social.models import PostActivity

from . import repository
from .schemas import NoteBody, NotedPostOut, NoteOut, NoteSummary


class NoteNotFound(AppError):
    """There is no such note, or it belongs to another user."""

    status_code = 404
    code = "note_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such note. List your notes to find its id, or save one for the analysis.")


class NoteChanged(AppError):
    """The note has changed or has been deleted since the version that was edited."""

    status_code = 409
    code = "note_changed"

    def __init__(self, updated_at: datetime | None) -> None:
        what = "has been deleted" if updated_at is None else "was changed elsewhere"
        super().__init__(
            f"The note {what} since you opened it, so your edit was not saved. Read it again, and then save.",
            details={"updated_at": None if updated_at is None else updated_at.isoformat()},
        )


def list_notes(session: Session, user_id: uuid.UUID, *, page: int, search: str | None = None) -> Page[NoteSummary]:
    """Return one page of the user's notes, the latest edit first."""
    found = repository.list_notes(session, user_id, page, search=search)
    return Page([NoteSummary(**_fields(row, NoteSummary)) for row in found.rows], found.count, found.number)


def get_note(session: Session, user_id: uuid.UUID, post_analysis_id: uuid.UUID) -> NoteOut:
    """Return the user's note about an analysis.

    Raises:
        NoteNotFound: the analysis has no note of the user.
    """
    row = repository.find_note(session, user_id, post_analysis_id)
    if row is None:
        raise NoteNotFound
    return NoteOut(**_fields(row, NoteOut))


def save_note(session: Session, user_id: uuid.UUID, body: NoteBody) -> tuple[NoteOut, bool]:
    """Save the user's note about an analysis, and return it with whether it is new.

    Raises:
        PostAnalysisNotFound: the analysis does not exist or is not the user's.
        NoteChanged: the note is no longer the version that the user has edited.
    """
    saved = repository.save_note(
        session, user_id, body.post_analysis_id, title=body.title, content=body.content, edited=body.updated_at
    )
    if saved is None:
        if not repository.is_owner(session, user_id, body.post_analysis_id):
            raise PostAnalysisNotFound(body.post_analysis_id)
        current = repository.find_note(session, user_id, body.post_analysis_id)
        raise NoteChanged(current.updated_at if current is not None else None)
    social_repository.record_activity(session, user_id, [saved.post_id], PostActivity.NOTED)
    return get_note(session, user_id, body.post_analysis_id), saved.is_new


def delete_note(session: Session, user_id: uuid.UUID, note_id: uuid.UUID) -> None:
    """Delete a note of the user.

    Raises:
        NoteNotFound: the note does not exist or is not the user's.
    """
    if not repository.delete_note(session, user_id, note_id):
        raise NoteNotFound


def _fields(row: Any, model: type[NoteSummary]) -> dict[str, Any]:
    post = NotedPostOut(id=row.post_id, platform=row.platform, url=row.url, username=row.username)
    return {name: getattr(row, name) for name in model.model_fields if name != "post"} | {"post": post}
