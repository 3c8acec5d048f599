"""Every query of notes."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select, delete, exists, func, literal, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.analysis.models import PostAnalysis, PostAnalysisRequest
from whyviral.core.pagination import Page, read_page
from whyviral.social.models import Post

from .models import AnalysisNote

EXCERPT_CHARS = 200


@dataclass(frozen=True, slots=True)
class SavedNote:
    """The outcome of a save."""

    post_id: uuid.UUID
    is_new: bool


def list_notes(session: Session, user_id: uuid.UUID, number: int, *, search: str | None) -> Page[Any]:
    """Return one page of the user's notes, the latest edit first.

    Args:
        session: the transaction.
        user_id: the user.
        number: the page; the first is 1.
        search: only notes that contain this text in title, content, or the post's username or URL, in any case.
    """
    query = _notes(user_id, func.left(AnalysisNote.content, EXCERPT_CHARS).label("excerpt"))
    if search is not None:
        searched = (AnalysisNote.title, AnalysisNote.content, Post.username, Post.url)
        query = query.where(or_(*(column.icontains(search, autoescape=True) for column in searched)))
    return read_page(session, query.order_by(AnalysisNote.updated_at.desc(), AnalysisNote.id), number)


def find_note(session: Session, user_id: uuid.UUID, post_analysis_id: uuid.UUID) -> Any | None:
    """Return the user's note about an analysis."""
    excerpt = func.left(AnalysisNote.content, EXCERPT_CHARS).label("excerpt")
    query = _notes(user_id, excerpt, AnalysisNote.content)
    return session.execute(query.where(AnalysisNote.post_analysis_id == post_analysis_id)).one_or_none()


def _notes(user_id: uuid.UUID, *columns: ColumnElement[Any] | Any) -> Select[*tuple[Any, ...]]:
    return (
        select(
            AnalysisNote.id,
            AnalysisNote.post_analysis_id,
            AnalysisNote.title,
            AnalysisNote.created_at,
            AnalysisNote.updated_at,
            PostAnalysis.request_id.label("analysis_request_id"),
            Post.id.label("post_id"),
            Post.platform,
            Post.url,
            Post.username,
            *columns,
        )
        .join(PostAnalysis, PostAnalysis.id == AnalysisNote.post_analysis_id)
        .join(Post, Post.id == PostAnalysis.post_id)
        .where(AnalysisNote.user_id == user_id)
    )


def save_note(
    session: Session,
    user_id: uuid.UUID,
    post_analysis_id: uuid.UUID,
    *,
    title: str,
    content: str,
    edited: datetime | None,
) -> SavedNote | None:
    """Insert or replace the user's note about an analysis of the user, in one statement.

    Args:
        session: the transaction.
        user_id: the user.
        post_analysis_id: the analysis.
        title: the title.
        content: the text.
        edited: `updated_at` of the version that the user has edited; None: replace any version.

    Returns:
        None if the analysis is not the user's, or if the note is no longer the version `edited`.
    """
    owned = (
        select(literal(user_id), PostAnalysis.id, literal(title), literal(content))
        .join(PostAnalysisRequest, PostAnalysisRequest.id == PostAnalysis.request_id)
        .where(PostAnalysis.id == post_analysis_id, PostAnalysisRequest.user_id == user_id)
    )
    if edited is not None:
        is_there = exists().where(AnalysisNote.user_id == user_id, AnalysisNote.post_analysis_id == post_analysis_id)
        owned = owned.where(is_there)
    values = {"title": title, "content": content, "updated_at": func.clock_timestamp()}
    post_id = select(PostAnalysis.post_id).where(PostAnalysis.id == post_analysis_id).scalar_subquery()
    statement = (
        upsert(AnalysisNote)
        .from_select(["user_id", "post_analysis_id", "title", "content"], owned)
        .on_conflict_do_update(
            index_elements=[AnalysisNote.user_id, AnalysisNote.post_analysis_id],
            set_=values,
            where=None if edited is None else AnalysisNote.updated_at == edited,
        )
        # A row that this statement inserted has no deleting or updating transaction.
        .returning(post_id, literal_column("analysis_notes.xmax = 0", Boolean))
    )
    saved = session.execute(statement).one_or_none()
    return None if saved is None else SavedNote(*saved)


def is_owner(session: Session, user_id: uuid.UUID, post_analysis_id: uuid.UUID) -> bool:
    """Return whether the analysis exists and is the user's."""
    owned = (
        select(PostAnalysis.id)
        .join(PostAnalysisRequest, PostAnalysisRequest.id == PostAnalysis.request_id)
        .where(PostAnalysis.id == post_analysis_id, PostAnalysisRequest.user_id == user_id)
    )
    return session.scalar(owned) is not None


def delete_note(session: Session, user_id: uuid.UUID, note_id: uuid.UUID) -> bool:
    """Delete a note of the user and return whether it existed."""
    statement = delete(AnalysisNote).where(AnalysisNote.id == note_id, AnalysisNote.user_id == user_id)
    return session.scalar(statement.returning(AnalysisNote.id)) is not None
