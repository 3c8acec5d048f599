"""Sessions of a user: created once for each analysis, listed, read and deleted."""

import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from whyviral.analysis.service import PostAnalysisNotFound
from whyviral.core.errors import AppError
from whyviral.core.pagination import Page

from .models import ChatMessage
from .repository import session_queries
from .schemas import MessageOut, SessionOut


class SessionNotFound(AppError):
    """There is no such chat session, or it belongs to another user."""

    status_code = 404
    code = "chat_session_not_found"

    def __init__(self, chat_session_id: uuid.UUID) -> None:
        super().__init__(f"There is no chat session {chat_session_id}. Check the id, or list your sessions.")


class MessageNotFound(AppError):
    """The session has no such answer."""

    status_code = 404
    code = "chat_message_not_found"

    def __init__(self, message_id: uuid.UUID) -> None:
        super().__init__(f"This session has no answer {message_id}. Check the id, or read the session's messages.")


class AnalysisNotReady(AppError):
    """The analysis has not ended, so there is nothing to talk about yet."""

    status_code = 409
    code = "analysis_not_ready"

    def __init__(self) -> None:
        super().__init__("This analysis has not ended yet. Start the chat when its request is COMPLETED or FAILED.")


class AnswerFailed(AppError):
    """The model gave no answer, or it broke off; a question without any answer is not counted."""

    status_code = 503
    code = "answer_failed"
    has_retry_after = True

    def __init__(self, message: str, *, category: str, is_partial: bool) -> None:
        super().__init__(message, details={"category": category, "is_partial": is_partial}, retry_after_s=5)


@dataclass(frozen=True, slots=True)
class SessionWithMessages:
    """A session and one page of its messages, newest first."""

    session: SessionOut
    messages: Page[ChatMessage]


def create_session(session: Session, user_id: uuid.UUID, post_analysis_id: uuid.UUID) -> tuple[SessionOut, bool]:
    """Return the user's session about an analysis, and whether it is new.

    Raises:
        PostAnalysisNotFound: the analysis does not exist or is not the user's.
        AnalysisNotReady: the analysis has not ended.
    """
    has_ended = session_queries.has_analysis_ended(session, user_id, post_analysis_id)
    if has_ended is None:
        raise PostAnalysisNotFound(post_analysis_id)
    is_new = False
    chat_id = session_queries.find_session_id(session, user_id, post_analysis_id)
    if chat_id is None:
        if not has_ended:
            raise AnalysisNotReady
        is_new = session_queries.insert_session(session, user_id, post_analysis_id)
        chat_id = session_queries.find_session_id(session, user_id, post_analysis_id)
        if chat_id is None:  # deleted by another call since the insert
            raise PostAnalysisNotFound(post_analysis_id)
    return get_session(session, user_id, chat_id), is_new


def get_session(session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID) -> SessionOut:
    """Return a session of the user.

    Raises:
        SessionNotFound: the session does not exist or is not the user's.
    """
    found = session_queries.find_session_row(session, user_id, chat_session_id)
    if found is None:
        raise SessionNotFound(chat_session_id)
    return _session_out(found)


def read_session(session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID, *, page: int) -> SessionWithMessages:
    """Return a session of the user with one page of its messages, newest first.

    Raises:
        SessionNotFound: the session does not exist or is not the user's.
    """
    chat = get_session(session, user_id, chat_session_id)
    return SessionWithMessages(chat, session_queries.list_messages(session, chat_session_id, page))


def list_sessions(session: Session, user_id: uuid.UUID, *, page: int) -> Page[SessionOut]:
    """Return one page of the user's sessions, the latest active first."""
    found = session_queries.list_sessions(session, user_id, page)
    return Page(rows=[_session_out(row) for row in found.rows], count=found.count, number=found.number)


def delete_session(session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID) -> None:
    """Delete a session of the user with its messages; usage and vendor calls stay counted.

    An answer that is being written stops, because its process loses the lease.

    Raises:
        SessionNotFound: the session does not exist or is not the user's.
    """
    if not session_queries.delete_session(session, user_id, chat_session_id):
        raise SessionNotFound(chat_session_id)


def message_out(message: ChatMessage) -> MessageOut:
    """Return a message as JSON."""
    return MessageOut.model_validate(message)


def failure_of(message: ChatMessage) -> AnswerFailed:
    """Return the error of an answer that failed, or that broke off."""
    return AnswerFailed(message.error or "", category=str(message.error_category), is_partial=message.is_partial)


def _session_out(row: session_queries.SessionRow) -> SessionOut:
    return SessionOut(
        id=row.chat.id,
        post_analysis_id=row.chat.post_analysis_id,
        analysis_request_id=row.analysis_request_id,
        platform=row.platform,
        post_url=row.post_url,
        username=row.username,
        message_count=row.chat.message_seq,
        last_message=None if row.last_message is None else message_out(row.last_message),
        last_active_at=row.chat.last_active_at,
        created_at=row.chat.created_at,
    )
