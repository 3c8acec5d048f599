"""The deliveries that are due and have no message, because the queue was down, is new, or cannot wait that long."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from .models import DeliveryState, OutgoingDelivery
from .retry_schedule import REQUEUED_FOR

_NOT_SYNCHRONISED = {"synchronize_session": False}


def take_unqueued(session: Session, *, now: datetime, limit: int) -> Sequence[uuid.UUID]:
    """Return pending deliveries that are due and that no message has moved on, and mark them as queued now.

    A delivery whose last attempt crashed has no attempts left; it fails instead.
    """
    due = select(OutgoingDelivery.id).where(
        OutgoingDelivery.state == DeliveryState.PENDING, OutgoingDelivery.requeue_at <= now
    )
    # Skipping locked rows excludes deadlocks with a transaction that disables an endpoint.
    oldest = due.order_by(OutgoingDelivery.requeue_at).limit(limit).with_for_update(skip_locked=True)
    crashed = OutgoingDelivery.attempts_left == 0
    session.execute(
        update(OutgoingDelivery)
        .where(OutgoingDelivery.id.in_(oldest.where(crashed)))
        .values(state=DeliveryState.FAILED),
        execution_options=_NOT_SYNCHRONISED,
    )
    requeued = (
        update(OutgoingDelivery)
        .where(OutgoingDelivery.id.in_(oldest))
        .values(requeue_at=now + REQUEUED_FOR)
        .returning(OutgoingDelivery.id)
    )
    return session.scalars(requeued, execution_options=_NOT_SYNCHRONISED).all()


def make_due(session: Session, *, now: datetime) -> None:
    """Let the sweeper queue every pending delivery at its next attempt, because the queue is new and empty."""
    session.execute(
        update(OutgoingDelivery)
        .where(OutgoingDelivery.state == DeliveryState.PENDING)
        .values(requeue_at=func.greatest(OutgoingDelivery.next_attempt_at, now)),
        execution_options=_NOT_SYNCHRONISED,
    )
