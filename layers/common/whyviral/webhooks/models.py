"""The table of received webhooks."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of


class EventProvider(StrEnum):
    """The sender of a webhook."""

    CLERK = "clerk"
    DODO = "dodo"


class EventState(StrEnum):
    """The state of a webhook; a failed one is retried when it is delivered again."""

    RECEIVED = "RECEIVED"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"


class WebhookEvent(Identified, Base):
    """A webhook, stored once even if it is delivered several times."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        one_of("provider", EventProvider),
        one_of("state", EventState),
        Index(None, "provider", "subject_id"),
        Index(None, "state", "created_at"),
    )

    provider: Mapped[str]
    event_id: Mapped[str]
    """The sender's id of the event, which is the same for repeated deliveries."""
    type: Mapped[str]
    subject_id: Mapped[str | None]
    """The sender's id of the event's subject: a user of Clerk, or a subscription of Dodo."""
    occurred_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """None: a type that we ignore, or erased by retention or when its user was deleted."""
    state: Mapped[str] = mapped_column(server_default=EventState.RECEIVED)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    processed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
