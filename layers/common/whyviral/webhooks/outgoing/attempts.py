"""The queries of attempts: start one, and record its result for the delivery and its endpoint."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from .models import DeliveryState, OutgoingDelivery, OutgoingEndpoint
from .retry_schedule import LEASE, MAX_ATTEMPTS

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
    """Record the result of an attempt; False if a later attempt decides instead, started or granted by its user."""
    next_attempt_at = next_attempt_at or now  # this ends the lease
    changes: dict[str, Any] = {
        "state": state,
        "attempt_log": [*taken.attempt_log, attempt][-_LOGGED_ATTEMPTS:],
        "next_attempt_at": next_attempt_at,
        "requeue_at": requeue_at or next_attempt_at,
    }
    is_ours = (
        (OutgoingDelivery.id == taken.id)
        & (OutgoingDelivery.attempts == taken.attempts)
        & (OutgoingDelivery.state == DeliveryState.PENDING)
    )
    if state is DeliveryState.DELIVERED:
        changes["delivered_at"] = now
    if state is DeliveryState.FAILED:
        is_ours &= OutgoingDelivery.attempts_left == 0  # a user who repeats the delivery meanwhile gives it new ones
    recorded = session.execute(
        update(OutgoingDelivery).where(is_ours).values(changes).returning(OutgoingDelivery.id),
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
