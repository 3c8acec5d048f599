"""The queries of sessions and their messages."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Select,
    and_,
    bindparam,
    delete,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased, selectinload

from whyviral.analysis.models import PostAnalysis, PostAnalysisRequest, RequestStatus
from whyviral.chat.models import ChatMessage, ChatSession
from whyviral.core.pagination import Page, PageQuery
from whyviral.social.models import Post, PostComments

_UNFINISHED = (RequestStatus.PENDING, RequestStatus.PROCESSING)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session with the post that it is about and its last message."""

    chat: ChatSession
    last_message: ChatMessage | None
    analysis_request_id: uuid.UUID
    platform: Any
    post_url: str
    username: str | None


@dataclass(frozen=True, slots=True)
class Subject:
    """The locked session of a question, with the analysis and the post that it is about."""

    chat: ChatSession
    analysis: PostAnalysis
    post: Post
    has_ended: bool
    """Whether the analysis request has ended."""
    comments: list[dict[str, Any]]


_LAST_MESSAGE = aliased(ChatMessage)
_SESSIONS: Select[*tuple[Any, ...]] = (
    select(ChatSession, _LAST_MESSAGE, PostAnalysis.request_id, Post.platform, Post.url, Post.username)
    .join(PostAnalysis, PostAnalysis.id == ChatSession.post_analysis_id)
    .join(Post, Post.id == PostAnalysis.post_id)
    .outerjoin(
        _LAST_MESSAGE,
        and_(_LAST_MESSAGE.session_id == ChatSession.id, _LAST_MESSAGE.seq == ChatSession.message_seq),
    )
    .where(ChatSession.user_id == bindparam("user_id"))
)
_ONE_SESSION = _SESSIONS.where(ChatSession.id == bindparam("chat_session_id"))
_SESSION_PAGE = PageQuery(_SESSIONS.order_by(ChatSession.last_active_at.desc(), ChatSession.id))
_MESSAGE_PAGE = PageQuery(
    select(ChatMessage).where(ChatMessage.session_id == bindparam("chat_session_id")).order_by(ChatMessage.seq.desc())
)


def has_analysis_ended(session: Session, user_id: uuid.UUID, post_analysis_id: uuid.UUID) -> bool | None:
    """Return whether the request of the user's analysis has ended; None if the user has no such analysis."""
    status = session.scalar(
        select(PostAnalysisRequest.status)
        .join(PostAnalysis, PostAnalysis.request_id == PostAnalysisRequest.id)
        .where(PostAnalysis.id == post_analysis_id, PostAnalysisRequest.user_id == user_id)
    )
    return None if status is None else status not in _UNFINISHED


def insert_session(session: Session, user_id: uuid.UUID, post_analysis_id: uuid.UUID) -> bool:
    """Insert the session of a user about an analysis; return False if there is one already."""
    inserted = (
        upsert(ChatSession)
        .values(user_id=user_id, post_analysis_id=post_analysis_id)
        .on_conflict_do_nothing(index_elements=[ChatSession.post_analysis_id, ChatSession.user_id])
        .returning(ChatSession.id)
    )
    return session.scalar(inserted) is not None


def find_session_id(session: Session, user_id: uuid.UUID, post_analysis_id: uuid.UUID) -> uuid.UUID | None:
    """Return the id of the user's session about an analysis."""
    return session.scalar(
        select(ChatSession.id).where(ChatSession.user_id == user_id, ChatSession.post_analysis_id == post_analysis_id)
    )


def find_session_row(session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID) -> SessionRow | None:
    """Return a session of the user with its post and last message."""
    found = session.execute(_ONE_SESSION, {"user_id": user_id, "chat_session_id": chat_session_id}).one_or_none()
    return None if found is None else SessionRow(*found)


def list_sessions(session: Session, user_id: uuid.UUID, number: int) -> Page[SessionRow]:
    """Return one page of the user's sessions, the latest active first."""
    found = _SESSION_PAGE.read(session, number, {"user_id": user_id})
    return Page(rows=[SessionRow(*row[:-1]) for row in found.rows], count=found.count, number=found.number)


def list_messages(session: Session, chat_session_id: uuid.UUID, number: int) -> Page[ChatMessage]:
    """Return one page of a session's messages, newest first."""
    return _MESSAGE_PAGE.read(session, number, {"chat_session_id": chat_session_id})


def delete_session(session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID) -> bool:
    """Delete a session of the user with its messages; return whether it existed."""
    own = delete(ChatSession).where(ChatSession.id == chat_session_id, ChatSession.user_id == user_id)
    return session.scalar(own.returning(ChatSession.id)) is not None


def find_message(
    session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID, message_id: uuid.UUID
) -> ChatMessage | None:
    """Return a message of a session of the user."""
    return session.scalar(
        select(ChatMessage)
        .join(ChatSession, ChatSession.id == ChatMessage.session_id)
        .where(ChatMessage.id == message_id, ChatMessage.session_id == chat_session_id, ChatSession.user_id == user_id)
    )


def find_question(
    session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID, client_message_id: str
) -> tuple[ChatMessage, ChatMessage] | None:
    """Return the question with the client's own id, and its answer."""
    answer = aliased(ChatMessage)
    found = session.execute(
        select(ChatMessage, answer)
        .join(ChatSession, ChatSession.id == ChatMessage.session_id)
        .join(answer, and_(answer.session_id == ChatMessage.session_id, answer.seq == ChatMessage.seq + 1))
        .where(
            ChatMessage.session_id == chat_session_id,
            ChatMessage.client_message_id == client_message_id,
            ChatSession.user_id == user_id,
        )
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def lock_subject(session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID) -> Subject | None:
    """Lock a session of the user, and return it with what it is about."""
    found = session.execute(
        select(ChatSession, PostAnalysis, Post, PostAnalysisRequest.status, PostComments.comments)
        .join(PostAnalysis, PostAnalysis.id == ChatSession.post_analysis_id)
        .join(PostAnalysisRequest, PostAnalysisRequest.id == PostAnalysis.request_id)
        .join(Post, Post.id == PostAnalysis.post_id)
        .outerjoin(PostComments, PostComments.post_id == Post.id)
        .where(ChatSession.id == chat_session_id, ChatSession.user_id == user_id)
        .options(selectinload(Post.media))
        .with_for_update(of=ChatSession),
        execution_options={"populate_existing": True},
    ).one_or_none()
    if found is None:
        return None
    chat, analysis, post, status, comments = found
    return Subject(chat, analysis, post, status not in _UNFINISHED, list(comments or ()))


def insert_messages(session: Session, chat: ChatSession, rows: Sequence[dict[str, Any]], *, now: datetime) -> None:
    """Append messages, all with the same columns, to a locked session; each gets the next `seq`."""
    numbered = [row | {"session_id": chat.id, "seq": chat.message_seq + n} for n, row in enumerate(rows, start=1)]
    session.execute(insert(ChatMessage).values(numbered))
    chat.message_seq += len(rows)
    chat.last_active_at = now
    session.flush()


def list_latest_messages(session: Session, chat_session_id: uuid.UUID, *, limit: int) -> Sequence[ChatMessage]:
    """Return the latest messages of a locked session, newest first."""
    latest = (
        select(ChatMessage)
        .where(ChatMessage.session_id == chat_session_id)
        .order_by(ChatMessage.seq.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return session.scalars(latest).all()
