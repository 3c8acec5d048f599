"""The inbox of all webhooks: kept before anything is done about them, acted on once.

A webhook may come twice, in any order, and while it is being acted on; the process may die between any two lines. What
is kept but not done is done when it comes again: the sender repeats what was not answered with 200, the queue what was
not finished.
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
"""Since it came, or has failed, or was queued again."""
STUCK_AFTER = timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(days=3)
"""About ten times in the queue."""


class EventNotFound(Exception):
    """The queue names an event that the inbox does not hold."""


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """A webhook whose signature is good."""

    provider: EventProvider
    event_id: str
    type: str
    subject_id: str | None
    occurred_at: datetime | None
    payload: dict[str, Any] | None
    """None for a type that nothing is done about: Clerk's `email.created`, for one, holds codes."""


def receive(session: Session, incoming: IncomingEvent) -> uuid.UUID | None:
    """Keep an event unless it is kept already; return its id if something is still to be done about it."""
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
    """Act on an event unless that has been done; whoever comes second at the same moment waits, and finds it done.

    Raises:
        EventNotFound: there is no such event.
    """
    event = session.scalar(select(WebhookEvent).where(WebhookEvent.id == event_id).with_for_update())
    if event is None:
        raise EventNotFound
    if event.state in _DONE:
        return
    if event.payload is not None:  # else erased together with its user: nothing is left to be done
        act(event)
    event.state = EventState.PROCESSED
    event.attempts += 1
    event.error = None
    event.processed_at = now


def record_failure(session: Session, event_id: uuid.UUID, error: str) -> None:
    """Note that acting on an event has failed, unless somebody else has succeeded meanwhile."""
    session.execute(
        update(WebhookEvent)
        .where(WebhookEvent.id == event_id, WebhookEvent.state.not_in(_DONE))
        .values(state=EventState.FAILED, attempts=WebhookEvent.attempts + 1, error=error)
    )


def erase(session: Session, provider: EventProvider, subject_id: str) -> None:
    """Forget what the events about somebody say; that they came, and what became of them, stays."""
    session.execute(
        update(WebhookEvent)
        .where(WebhookEvent.provider == provider, WebhookEvent.subject_id == subject_id)
        .values(payload=None)
    )


def erase_old(session: Session, *, processed_before: datetime, limit: int) -> int:
    """Forget what at most `limit` events said that were acted on before a moment; return how many there were."""
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
    """Return events to be queued again because nothing has come of them for a while; the oldest have their turn first.

    Each time they rest for as long as they have been waiting, which is twice as long as the time before, and at least
    `QUEUE_AGAIN_AFTER`: a queue that is only slow is not flooded. After `GIVE_UP_AFTER` they are left to an operator.
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
    taken = update(WebhookEvent).where(WebhookEvent.id.in_(due)).values(updated_at=now)
    return session.scalars(taken.returning(WebhookEvent.id)).all()


def count_stuck(session: Session, *, now: datetime) -> int:
    """Return how many events have had no end for so long that somebody should look, given up or not."""
    stuck = select(func.count()).where(WebhookEvent.state.not_in(_DONE), WebhookEvent.created_at < now - STUCK_AFTER)
    return session.scalar(stuck) or 0


def list_unfinished(session: Session) -> Sequence[uuid.UUID]:
    """Return the events about which something is still to be done, the oldest first."""
    return session.scalars(
        select(WebhookEvent.id).where(WebhookEvent.state.not_in(_DONE)).order_by(WebhookEvent.created_at)
    ).all()
