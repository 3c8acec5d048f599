"""The queries of outgoing webhooks."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Text, case, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from whyviral.core.batch_delete import delete_batch
from whyviral.core.pagination import Page, read_page

from .models import DeliveryState, EventType, OutgoingDelivery, OutgoingEndpoint
from .retry_schedule import LEASE, MAX_ATTEMPTS, QUEUED_FOR

_NOT_SYNCHRONISED = {"synchronize_session": False}


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
