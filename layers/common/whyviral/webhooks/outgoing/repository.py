"""The queries of outgoing webhooks."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, case, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from whyviral.core.batch_delete import delete_batch
from whyviral.core.pagination import Page, read_page

from .models import DeliveryState, EventType, OutgoingDelivery, OutgoingEndpoint
from .retry_schedule import MAX_ATTEMPTS

QUEUED_FOR = timedelta(minutes=1)
"""How long a message may need before the sweeper queues its delivery again."""
REQUEUED_FOR = timedelta(minutes=5)
LEASE = timedelta(seconds=60)
"""Longer than the timeout of DeliveriesFunction, so that two attempts of one delivery never overlap."""
_LOGGED_ATTEMPTS = 2 * MAX_ATTEMPTS
_NOT_SYNCHRONISED = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class TakenDelivery:
    """A delivery whose attempt has started."""

    id: uuid.UUID
    endpoint_id: uuid.UUID
    user_id: uuid.UUID
    url: str
    secrets: Sequence[str]
    """The signing secrets that are valid now, the newest first."""
    type: str
    data: Mapping[str, Any]
    analysis_request_id: uuid.UUID | None
    created_at: datetime
    attempts: int
    """The number of this attempt, which fences it."""
    attempts_left: int
    attempt_log: Sequence[Mapping[str, Any]]


def create_deliveries(
    session: Session,
    user_id: uuid.UUID,
    event: EventType,
    data: Mapping[str, Any],
    *,
    analysis_request_id: uuid.UUID,
    now: datetime,
) -> Sequence[uuid.UUID]:
    """Create a delivery for each of the user's enabled endpoints that subscribe to the event, in one statement.

    The share lock makes this wait for a transaction that disables an endpoint, and the reverse, so that no delivery is
    left pending for a disabled endpoint.
    """
    receivers = (
        select(
            OutgoingEndpoint.id,
            literal(analysis_request_id),
            literal(event, Text),
            literal(dict(data), JSONB),
            literal(MAX_ATTEMPTS),
            literal(now),
            literal(now + QUEUED_FOR),
        )
        .where(
            OutgoingEndpoint.user_id == user_id,
            OutgoingEndpoint.is_enabled,
            OutgoingEndpoint.events.contains([event.value]),
        )
        .with_for_update(read=True)
    )
    columns = (
        OutgoingDelivery.endpoint_id,
        OutgoingDelivery.analysis_request_id,
        OutgoingDelivery.type,
        OutgoingDelivery.data,
        OutgoingDelivery.attempts_left,
        OutgoingDelivery.next_attempt_at,
        OutgoingDelivery.requeue_at,
    )
    created = insert(OutgoingDelivery).from_select([column.key for column in columns], receivers)
    return session.scalars(created.returning(OutgoingDelivery.id)).all()


def create_test_delivery(session: Session, endpoint: OutgoingEndpoint, *, now: datetime) -> OutgoingDelivery:
    """Create a delivery of the test event."""
    delivery = OutgoingDelivery(
        endpoint_id=endpoint.id,
        type=EventType.TEST,
        data={"endpoint_id": str(endpoint.id)},
        attempts_left=MAX_ATTEMPTS,
        next_attempt_at=now,
        requeue_at=now + QUEUED_FOR,
    )
    session.add(delivery)
    session.flush()
    return delivery


def take(session: Session, delivery_id: uuid.UUID, *, now: datetime) -> TakenDelivery | None:
    """Start an attempt of a delivery; None if none is due, or if another attempt holds the lease."""
    taken = session.execute(
        update(OutgoingDelivery)
        .where(
            OutgoingDelivery.id == delivery_id,
            OutgoingDelivery.state == DeliveryState.PENDING,
            OutgoingDelivery.attempts_left > 0,
            OutgoingDelivery.next_attempt_at <= now,
            OutgoingEndpoint.id == OutgoingDelivery.endpoint_id,
            OutgoingEndpoint.is_enabled,
        )
        .values(
            attempts=OutgoingDelivery.attempts + 1,
            attempts_left=OutgoingDelivery.attempts_left - 1,
            next_attempt_at=now + LEASE,
            requeue_at=now + LEASE,
        )
        .returning(
            OutgoingDelivery.id,
            OutgoingDelivery.endpoint_id,
            OutgoingEndpoint.user_id,
            OutgoingEndpoint.url,
            OutgoingDelivery.type,
            OutgoingDelivery.data,
            OutgoingDelivery.analysis_request_id,
            OutgoingDelivery.created_at,
            OutgoingDelivery.attempts,
            OutgoingDelivery.attempts_left,
            OutgoingDelivery.attempt_log,
            OutgoingEndpoint.secret,
            OutgoingEndpoint.previous_secret,
            OutgoingEndpoint.previous_secret_until,
        ),
        execution_options=_NOT_SYNCHRONISED,
    ).one_or_none()
    if taken is None:
        return None
    fields = dict(taken._mapping)  # noqa: SLF001 - the documented name; the underscore avoids a column's name
    secrets = [fields.pop("secret")]
    previous, until = fields.pop("previous_secret"), fields.pop("previous_secret_until")
    if previous is not None and until > now:
        secrets.append(previous)
    return TakenDelivery(**fields, secrets=secrets)


def record_attempt(
    session: Session,
    taken: TakenDelivery,
    attempt: Mapping[str, Any],
    *,
    state: DeliveryState,
    now: datetime,
    next_attempt_at: datetime | None = None,
    requeue_at: datetime | None = None,
) -> bool:
    """Record the result of an attempt; False if a later attempt has started, which decides instead."""
    next_attempt_at = next_attempt_at or now  # this ends the lease
    changes: dict[str, Any] = {
        "state": state,
        "attempt_log": [*taken.attempt_log, attempt][-_LOGGED_ATTEMPTS:],
        "next_attempt_at": next_attempt_at,
        "requeue_at": requeue_at or next_attempt_at,
    }
    if state is DeliveryState.DELIVERED:
        changes["delivered_at"] = now
    recorded = session.execute(
        update(OutgoingDelivery)
        .where(
            OutgoingDelivery.id == taken.id,
            OutgoingDelivery.attempts == taken.attempts,
            OutgoingDelivery.state == DeliveryState.PENDING,
        )
        .values(changes)
        .returning(OutgoingDelivery.id),
        execution_options=_NOT_SYNCHRONISED,
    )
    return recorded.first() is not None


def record_success(session: Session, endpoint_id: uuid.UUID) -> None:
    """Record that an endpoint works; writes nothing if it was working before."""
    session.execute(
        update(OutgoingEndpoint)
        .where(OutgoingEndpoint.id == endpoint_id, OutgoingEndpoint.failing_since.is_not(None))
        .values(failing_since=None),
        execution_options=_NOT_SYNCHRONISED,
    )


def record_failure(session: Session, endpoint_id: uuid.UUID, *, now: datetime) -> datetime:
    """Record that an endpoint fails, and return since when it has been failing."""
    since = session.scalar(
        update(OutgoingEndpoint)
        .where(OutgoingEndpoint.id == endpoint_id)
        .values(failing_since=func.coalesce(OutgoingEndpoint.failing_since, now))
        .returning(OutgoingEndpoint.failing_since),
        execution_options=_NOT_SYNCHRONISED,
    )
    return since or now


def disable(session: Session, endpoint_id: uuid.UUID, *, reason: str | None) -> bool:
    """Disable an endpoint and fail its pending deliveries; False if it was disabled before."""
    disabled = session.execute(
        update(OutgoingEndpoint)
        .where(OutgoingEndpoint.id == endpoint_id, OutgoingEndpoint.is_enabled)
        .values(is_enabled=False, disabled_reason=reason)
        .returning(OutgoingEndpoint.id),
        execution_options=_NOT_SYNCHRONISED,
    ).first()
    if disabled is None:
        return False
    session.execute(
        update(OutgoingDelivery)
        .where(OutgoingDelivery.endpoint_id == endpoint_id, OutgoingDelivery.state == DeliveryState.PENDING)
        .values(state=DeliveryState.FAILED),
        execution_options=_NOT_SYNCHRONISED,
    )
    return True


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


def lock_user(session: Session, user_id: uuid.UUID) -> None:
    """Let only one transaction at a time create an endpoint for this user."""
    session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": f"outgoing_endpoints:{user_id}"}
    )


def count_endpoints(session: Session, user_id: uuid.UUID) -> int:
    """Return the number of the user's endpoints."""
    counted = select(func.count()).select_from(OutgoingEndpoint).where(OutgoingEndpoint.user_id == user_id)
    return session.scalar(counted) or 0


def list_endpoints(session: Session, user_id: uuid.UUID, number: int) -> Page[OutgoingEndpoint]:
    """Return one page of the user's endpoints, the oldest first."""
    query = select(OutgoingEndpoint).where(OutgoingEndpoint.user_id == user_id)
    return read_page(session, query.order_by(OutgoingEndpoint.created_at, OutgoingEndpoint.id), number)


def find_endpoint(
    session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID, *, for_update: bool = False
) -> OutgoingEndpoint | None:
    """Return an endpoint of the user."""
    query = select(OutgoingEndpoint).where(OutgoingEndpoint.id == endpoint_id, OutgoingEndpoint.user_id == user_id)
    return session.scalar(query.with_for_update() if for_update else query)


def delete_endpoint(session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID) -> bool:
    """Delete an endpoint of the user with its deliveries; return whether there was one."""
    deleted = session.execute(
        delete(OutgoingEndpoint)
        .where(OutgoingEndpoint.id == endpoint_id, OutgoingEndpoint.user_id == user_id)
        .returning(OutgoingEndpoint.id),
        execution_options=_NOT_SYNCHRONISED,
    )
    return deleted.first() is not None


def list_deliveries(session: Session, endpoint_id: uuid.UUID, number: int) -> Page[OutgoingDelivery]:
    """Return one page of an endpoint's deliveries, the newest first."""
    query = select(OutgoingDelivery).where(OutgoingDelivery.endpoint_id == endpoint_id)
    return read_page(session, query.order_by(OutgoingDelivery.created_at.desc(), OutgoingDelivery.id), number)


def restart_delivery(
    session: Session, endpoint_id: uuid.UUID, delivery_id: uuid.UUID, *, now: datetime
) -> OutgoingDelivery | None:
    """Give a delivery all its attempts again, the first of them now; None if the endpoint has no such delivery.

    An attempt that may be running keeps its lease, and the next attempt follows it.
    """
    is_leased = OutgoingDelivery.next_attempt_at.between(now, now + LEASE)
    starts_at = case((is_leased, OutgoingDelivery.next_attempt_at), else_=now)
    return session.scalar(
        update(OutgoingDelivery)
        .where(OutgoingDelivery.id == delivery_id, OutgoingDelivery.endpoint_id == endpoint_id)
        .values(
            state=DeliveryState.PENDING,
            attempts_left=MAX_ATTEMPTS,
            next_attempt_at=starts_at,
            requeue_at=starts_at + QUEUED_FOR,
        )
        .returning(OutgoingDelivery),
        execution_options={"populate_existing": True},
    )


def delete_old(session: Session, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` deliveries created before a time, and return the number deleted."""
    return delete_batch(session, OutgoingDelivery, OutgoingDelivery.created_at < before, limit=limit)
