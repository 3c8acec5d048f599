"""The tables of outgoing webhooks."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of

MAX_URL_CHARS = 2_000
MAX_DESCRIPTION_CHARS = 200
"""The maximum lengths, which check constraints of the table enforce as well."""


class EventType(StrEnum):
    """What a delivery reports."""

    ANALYSIS_COMPLETED = "analysis.completed"
    ANALYSIS_FAILED = "analysis.failed"
    TEST = "webhook.test"
    """Sent on demand, to try an endpoint."""


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "PENDING"
    """It is queued, being sent, or waiting for its next attempt."""
    DELIVERED = "DELIVERED"
    """The endpoint answered with a 2xx status."""
    FAILED = "FAILED"
    """No attempts are left, or the endpoint was disabled; the user can deliver it again."""


class OutgoingEndpoint(Identified, Base):
    """A URL of a user that receives events."""

    __tablename__ = "outgoing_endpoints"
    __table_args__ = (
        CheckConstraint("char_length(url) between 1 and 2000", name="url_is_bounded"),
        CheckConstraint("char_length(description) <= 200", name="description_is_bounded"),
        CheckConstraint(
            "cardinality(events) > 0 and events <@ array['analysis.completed', 'analysis.failed']",
            name="events_are_known",
        ),
        CheckConstraint("(previous_secret is null) = (previous_secret_until is null)", name="rotation_is_whole"),
        CheckConstraint("not is_enabled or disabled_reason is null", name="only_disabled_have_a_reason"),
        Index(None, "user_id", "created_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    url: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The subscribed event types."""
    secret: Mapped[str]
    """The signing secret, `whsec_` and base64. It is shown to the user once."""
    previous_secret: Mapped[str | None]
    """The secret before the last rotation, which signs beside the new one until `previous_secret_until`."""
    previous_secret_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    disabled_reason: Mapped[str | None]
    """Why we disabled the endpoint; null if its user did."""
    failing_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The first failed attempt since the last success; null after a success."""


class OutgoingDelivery(Identified, Base):
    """One event for one endpoint. Its id is the event's `webhook-id`, the same at every attempt."""

    __tablename__ = "outgoing_deliveries"
    __table_args__ = (
        one_of("type", EventType),
        one_of("state", DeliveryState),
        CheckConstraint("attempts >= 0 and attempts_left >= 0", name="attempts_are_counted"),
        Index(None, "endpoint_id", "created_at"),
        Index(None, "analysis_request_id"),
        Index(None, "created_at"),
        Index(None, "requeue_at", postgresql_where=text("state = 'PENDING'")),
    )

    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(OutgoingEndpoint.id, ondelete="CASCADE"))
    analysis_request_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("post_analysis_requests.id", ondelete="CASCADE")
    )
    type: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The `data` of the event without its links: ids, states and counts."""
    state: Mapped[str] = mapped_column(server_default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    """All attempts so far. It fences an attempt: only the newest one may record its result."""
    attempts_left: Mapped[int]
    next_attempt_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """No attempt starts before this time. While one is running, it is the end of that attempt's lease."""
    requeue_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """When the sweeper queues a pending delivery, unless a message of the queue has changed it before."""
    attempt_log: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    """The newest attempts: time, status, duration and error, never the answer's body."""
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
