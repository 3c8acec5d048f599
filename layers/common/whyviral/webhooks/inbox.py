"""The inbox of webhooks: every event is stored before it is processed, and is processed once.

A webhook may be delivered twice, in any order, and while it is being processed, and the process may die at any point.
An event that was stored but not processed is processed with its next delivery: the sender repeats webhooks that were
not answered with 200, and the queue repeats messages that were not deleted.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from .models import EventProvider, EventState, WebhookEvent

_DONE = (EventState.PROCESSED, EventState.IGNORED)
QUEUE_AGAIN_AFTER = timedelta(minutes=5)
"""The minimum delay after the event arrived, failed or was last queued."""
STUCK_AFTER = timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(days=3)
"""Long enough for about ten retries through the queue."""


class EventNotFound(Exception):
    """The inbox has no event with the id from the queue."""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """A webhook whose signature was verified."""

    provider: EventProvider
    event_id: str
    type: str
    subject_id: str | None
    occurred_at: datetime | None
    payload: dict[str, Any] | None
    """None: a type that we ignore and must not store. Clerk's `email.created`, for example, contains codes."""


def receive(session: Session, incoming: IncomingEvent) -> uuid.UUID | None:
    """Store an event unless it is stored already; return its id if it still has to be processed, else None."""
    state = EventState.IGNORED if incoming.payload is None else EventState.RECEIVED
    inserted = session.scalar(
        insert(WebhookEvent)
        .values(**asdict(incoming), state=state)
        .on_conflict_do_nothing(index_elements=[WebhookEvent.provider, WebhookEvent.event_id])
        .returning(WebhookEvent.id)
    )
    if inserted is not None:
        return None if state is EventState.IGNORED else inserted
    return session.scalar(
        select(WebhookEvent.id).where(
            WebhookEvent.provider == incoming.provider,
            WebhookEvent.event_id == incoming.event_id,
            WebhookEvent.state.not_in(_DONE),
        )
    )


def process(session: Session, event_id: uuid.UUID, act: Callable[[WebhookEvent], None], *, now: datetime) -> None:
    """Process an event once: a concurrent call for the same event waits for the row lock and then does nothing.

    Args:
        session: the transaction, which includes the work of `act`.
        event_id: the event.
        act: processes the event.
        now: the current time.

    Raises:
        EventNotFound: there is no such event.
    """
    event = session.scalar(select(WebhookEvent).where(WebhookEvent.id == event_id).with_for_update())
    if event is None:
        raise EventNotFound
    if event.state in _DONE:
        return
    if event.payload is not None:  # else it was erased when its user was deleted, and there is nothing left to do
        act(event)
    event.state = EventState.PROCESSED
    event.attempts += 1
    event.error = None
    event.processed_at = now


def record_failure(session: Session, event_id: uuid.UUID, error: str) -> None:
    """Record that processing an event failed, unless another process has succeeded meanwhile."""
    session.execute(
        update(WebhookEvent)
        .where(WebhookEvent.id == event_id, WebhookEvent.state.not_in(_DONE))
        .values(state=EventState.FAILED, attempts=WebhookEvent.attempts + 1, error=error)
    )


def erase(session: Session, provider: EventProvider, subject_id: str) -> None:
    """Erase the payloads of all events about one subject; the rows and their states remain."""
    session.execute(
        update(WebhookEvent)
        .where(WebhookEvent.provider == provider, WebhookEvent.subject_id == subject_id)
        .values(payload=None)
    )


def erase_old(session: Session, *, processed_before: datetime, limit: int) -> int:
    """Erase the payloads of at most `limit` events processed before a time, and return the number erased."""
    old = (
        select(WebhookEvent.id)
        .where(
            WebhookEvent.state == EventState.PROCESSED,
            WebhookEvent.processed_at < processed_before,
            WebhookEvent.payload.is_not(None),
        )
        .limit(limit)
    )
    erased = session.scalars(
        update(WebhookEvent).where(WebhookEvent.id.in_(old)).values(payload=None).returning(WebhookEvent.id)
    )
    return len(erased.all())


def take_unfinished(session: Session, *, now: datetime, limit: int) -> Sequence[uuid.UUID]:
    """Return unprocessed events that are due to be queued again, and mark them as queued now.

    The oldest events are chosen first; the result is in no particular order. The delay between retries is the event's
    age at the last one, so it doubles each time, from `QUEUE_AGAIN_AFTER` up, which keeps a slow queue from being
    flooded. After `GIVE_UP_AFTER` an event is left to an operator.
    """
    waited = WebhookEvent.updated_at - WebhookEvent.created_at
    due = (
        select(WebhookEvent.id)
        .where(
            WebhookEvent.state.not_in(_DONE),
            WebhookEvent.created_at >= now - GIVE_UP_AFTER,
            WebhookEvent.updated_at <= now - func.greatest(waited, QUEUE_AGAIN_AFTER),
        )
        .order_by(WebhookEvent.created_at)
        .limit(limit)
    )
    requeued = update(WebhookEvent).where(WebhookEvent.id.in_(due)).values(updated_at=now)
    return session.scalars(requeued.returning(WebhookEvent.id)).all()


def requeue(session: Session, event_id: uuid.UUID, *, now: datetime) -> bool:
    """Mark an unprocessed event, of any age, as queued now; return False if there is nothing to process any more.

    The caller queues the event after the commit.

    Raises:
        EventNotFound: there is no such event.
    """
    event = session.get(WebhookEvent, event_id, with_for_update=True)
    if event is None:
        raise EventNotFound
    if event.state in _DONE:
        return False
    event.updated_at = now
    return True


def count_stuck(session: Session, *, now: datetime) -> int:
    """Return the number of events that have been unprocessed for longer than `STUCK_AFTER`, for an alarm."""
    stuck = select(func.count()).where(WebhookEvent.state.not_in(_DONE), WebhookEvent.created_at < now - STUCK_AFTER)
    return session.scalar(stuck) or 0


def list_unfinished(session: Session) -> Sequence[uuid.UUID]:
    """Return the unprocessed events, oldest first."""
    return session.scalars(
        select(WebhookEvent.id).where(WebhookEvent.state.not_in(_DONE)).order_by(WebhookEvent.created_at)
    ).all()
