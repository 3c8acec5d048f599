"""Tables of billing: the inbox, through which every webhook enters, whoever sends it, and the runs of jobs."""

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
    """State of a webhook; a failed one is retried when it is delivered again."""

    RECEIVED = "RECEIVED"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"


class WebhookEvent(Identified, Base):
    """A webhook as it came, once however often it is delivered."""

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
    """The sender's id of the delivery, the same for each repetition."""
    type: Mapped[str]
    subject_id: Mapped[str | None]
    """Whom or what it is about, by the sender's id: a user of Clerk, a subscription of Dodo."""
    occurred_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """None: of a type that nothing is done about, or erased together with its user."""
    state: Mapped[str] = mapped_column(server_default=EventState.RECEIVED)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    processed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
