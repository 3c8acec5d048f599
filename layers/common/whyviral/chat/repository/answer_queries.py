"""The queries of answers while they are written: lease, cost and pieces."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from whyviral.chat.models import ChatMessage, ChatMessageChunk, ChatSession, MessageStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of an answer, and its pieces after some number."""

    message: ChatMessage
    pieces: list[tuple[int, str]]
    """Each piece with its `seq`."""
    has_chunks: bool
    """Whether any pieces are saved; those of old answers are deleted."""


@dataclass(frozen=True, slots=True)
class Watched:
    """When a reader in another process last reported that it follows an answer; None: none has."""

    at: datetime | None


# In autocommit mode one round trip, which counts: each open stream sends up to four of them a second.
_SAVE_PIECES = text("""
    with renewed as (
      update chat_messages set lease_until = :until, updated_at = now()
      where id = :message_id and lease_owner = :lease_owner and status = 'generating'
      returning id, watched_at
    ),
    saved as (
      insert into chat_message_chunks (message_id, first_seq, pieces)
      select id, :first_seq, cast(:pieces as text[]) from renewed where cardinality(cast(:pieces as text[])) > 0
    )
    select watched_at from renewed
""")


def reserve_cost(
    session: Session, message_id: uuid.UUID, lease_owner: uuid.UUID, usd: Decimal, *, max_usd: Decimal
) -> bool:
    """Reserve the maximum cost of a call for an answer that is being written, if the total stays in `max_usd`."""
    reserved = (
        update(ChatMessage)
        .where(_is_leased(message_id, lease_owner), ChatMessage.cost_usd + ChatMessage.reserved_usd + usd <= max_usd)
        .values(reserved_usd=ChatMessage.reserved_usd + usd)
        .returning(ChatMessage.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(reserved) is not None


def is_leased(session: Session, message_id: uuid.UUID, lease_owner: uuid.UUID) -> bool:
    """Return whether the run still holds the lease of the answer."""
    return bool(session.scalar(select(exists().where(_is_leased(message_id, lease_owner)))))


def settle_cost(session: Session, message_id: uuid.UUID, *, cost_usd: Decimal, released_usd: Decimal) -> None:
    """Add costs to a message, and release their reservation."""
    session.execute(
        update(ChatMessage)
        .where(ChatMessage.id == message_id)
        .values(cost_usd=ChatMessage.cost_usd + cost_usd, reserved_usd=ChatMessage.reserved_usd - released_usd)
        .execution_options(synchronize_session=False)
    )


def save_pieces(
    connection: Connection,
    message_id: uuid.UUID,
    lease_owner: uuid.UUID,
    *,
    first_seq: int,
    pieces: Sequence[str],
    until: datetime,
) -> Watched | None:
    """Renew the lease and save consecutive pieces, perhaps none, in one statement; None if the lease is lost."""
    values = {
        "message_id": message_id,
        "lease_owner": lease_owner,
        "first_seq": first_seq,
        "pieces": list(pieces),
        "until": until,
    }
    renewed = connection.execute(_SAVE_PIECES, values).one_or_none()
    return None if renewed is None else Watched(renewed[0])


def insert_chunk(session: Session, message_id: uuid.UUID, first_seq: int, pieces: Sequence[str]) -> None:
    """Save the last pieces of an answer that this transaction ends."""
    session.execute(insert(ChatMessageChunk).values(message_id=message_id, first_seq=first_seq, pieces=list(pieces)))


def finish_message(
    session: Session, message_id: uuid.UUID, lease_owner: uuid.UUID, values: dict[str, Any]
) -> ChatMessage | None:
    """End an answer that is being written, and return it; None if the lease is lost."""
    return session.scalar(
        update(ChatMessage)
        .where(_is_leased(message_id, lease_owner))
        .values(values)
        .returning(ChatMessage)
        .execution_options(synchronize_session=False, populate_existing=True)
    )


def delete_chunks(session: Session, message_id: uuid.UUID) -> None:
    """Delete the pieces of an answer that must not be shown any more."""
    session.execute(delete(ChatMessageChunk).where(ChatMessageChunk.message_id == message_id))


def find_progress(session: Session, message_id: uuid.UUID, *, after: int) -> Progress | None:
    """Return an answer and its pieces whose `seq` is above `after`; None if it was deleted."""
    message = session.scalar(
        select(ChatMessage).where(ChatMessage.id == message_id), execution_options={"populate_existing": True}
    )
    if message is None:
        return None
    # Read after the message: an answer that has ended has all its pieces.
    end = ChatMessageChunk.first_seq + func.cardinality(ChatMessageChunk.pieces)
    chunks = session.execute(
        select(ChatMessageChunk.first_seq, ChatMessageChunk.pieces, end > after + 1)
        .where(ChatMessageChunk.message_id == message_id)
        .order_by(ChatMessageChunk.first_seq)
    ).all()
    pieces = [
        (first_seq + number, text)
        for first_seq, texts, is_new in chunks
        if is_new
        for number, text in enumerate(texts)
        if first_seq + number > after
    ]
    return Progress(message, pieces, has_chunks=bool(chunks))


def record_watching(session: Session, message_id: uuid.UUID, *, now: datetime) -> None:
    """Record that a reader follows an answer, so that its process goes on writing it."""
    session.execute(
        update(ChatMessage)
        .where(ChatMessage.id == message_id, ChatMessage.status == MessageStatus.GENERATING)
        .values(watched_at=now)
        .execution_options(synchronize_session=False)
    )


def lock_expired(
    session: Session, *, now: datetime, limit: int, message_id: uuid.UUID | None = None
) -> Sequence[tuple[ChatMessage, uuid.UUID]]:
    """Lock answers whose lease has run out, and return them with their users; those locked elsewhere are skipped."""
    own = (ChatMessage.id == message_id,) if message_id is not None else ()
    expired = (
        select(ChatMessage, ChatSession.user_id)
        .join(ChatSession, ChatSession.id == ChatMessage.session_id)
        .where(ChatMessage.status == MessageStatus.GENERATING, ChatMessage.lease_until <= now, *own)
        .order_by(ChatMessage.id)
        .limit(limit)
        .with_for_update(of=ChatMessage, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [(message, user_id) for message, user_id in session.execute(expired)]


def list_pieces(session: Session, message_id: uuid.UUID) -> Sequence[str]:
    """Return the saved pieces of an answer, in their order."""
    chunks = (
        select(ChatMessageChunk.pieces)
        .where(ChatMessageChunk.message_id == message_id)
        .order_by(ChatMessageChunk.first_seq)
    )
    return [piece for pieces in session.scalars(chunks) for piece in pieces]


def _is_leased(message_id: uuid.UUID, lease_owner: uuid.UUID) -> ColumnElement[bool]:
    return and_(
        ChatMessage.id == message_id,
        ChatMessage.lease_owner == lease_owner,
        ChatMessage.status == MessageStatus.GENERATING,
    )
