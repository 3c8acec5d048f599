"""Ends answers whose process is gone: their lease ran out, so a reader, the next question or the sweeper ends them."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.core.batch_delete import delete_batch
from whyviral.core.errors import ErrorCategory
from whyviral.usage import repository as usage_repository
from whyviral.vendor_calls import call_log

from .models import ChatMessage, ChatMessageChunk, MessageStatus
from .repository import answer_queries

CHUNKS_KEPT = timedelta(days=1)
"""How long the pieces of an answer can be streamed again one by one; afterwards it is sent as a whole."""
BATCH = 200
_INTERRUPTED = "The answer was interrupted. Ask again to get a whole one."
_NOTHING = "The answer was interrupted before it began, so the question is not counted. Ask again."


def end_expired(
    session: Session, *, now: datetime, limit: int = BATCH, message_id: uuid.UUID | None = None
) -> Sequence[ChatMessage]:
    """End answers whose lease has run out: partial with the saved pieces, or failed without any.

    The question of a failed answer is returned. A call to a vendor whose end is unknown is closed in the log; its cost
    stays unknown and reserved.

    Args:
        session: the transaction.
        now: the current time.
        limit: the maximum number of answers.
        message_id: this answer alone; None: any.
    """
    expired = answer_queries.lock_expired(session, now=now, limit=limit, message_id=message_id)
    for message, user_id in expired:
        content = "".join(answer_queries.list_pieces(session, message.id))
        message.content = content
        message.status = MessageStatus.PARTIAL if content else MessageStatus.FAILED
        message.error = _INTERRUPTED if content else _NOTHING
        message.error_category = ErrorCategory.INTERNAL
        message.finished_at = now
        call_log.close_unfinished(session, chat_message_id=message.id, now=now)
        if not content:
            return_question(session, message, user_id)
    session.flush()
    return [message for message, _ in expired]


def return_question(session: Session, message: ChatMessage, user_id: uuid.UUID) -> None:
    """Uncount the question of an answer that delivered nothing, once; the caller has locked the answer."""
    if message.is_counted and message.platform is not None and message.usage_date is not None:
        usage_repository.return_question(session, user_id, message.platform, day=message.usage_date)
        message.is_counted = False
        session.flush()


def delete_old_chunks(session: Session, *, now: datetime, limit: int) -> int:
    """Delete at most `limit` rows of pieces that are old enough, and return how many were deleted.

    Their answers ended long ago, and keep the whole text.
    """
    return delete_batch(session, ChatMessageChunk, ChatMessageChunk.created_at < now - CHUNKS_KEPT, limit=limit)
