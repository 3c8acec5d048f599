"""Tables of throttling: rate windows and idempotency keys."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified


class RateWindow(Identified, Base):
    """The recent allowed calls of one subject in one scope; holds at most as many times as the limit."""

    __tablename__ = "rate_windows"
    __table_args__ = (
        UniqueConstraint("scope", "subject"),
        CheckConstraint("char_length(subject) between 1 and 320", name="subject_is_bounded"),
        Index(None, "expires_at"),
    )

    scope: Mapped[str]
    """The limited action, such as `analysis` or `chat`."""
    subject: Mapped[str]
    """The caller whose calls are counted, such as a user's id or a network address."""
    hits: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))
    """The times of allowed calls, in ascending order."""
    was_allowed: Mapped[bool]
    """Whether the last call was allowed."""
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """The time after which the row has no effect and may be deleted."""
    refusals: Mapped[int] = mapped_column(server_default=text("0"))
    """The calls refused since `refused_since`, within one window; only the first one is recorded as an event."""
    refused_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class IdempotencyKey(Identified, Base):
    """A call that a client may repeat without repeating its effect."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        CheckConstraint("char_length(key) between 1 and 255", name="key_is_bounded"),
        CheckConstraint("(status_code is null) = (answer is null)", name="answer_is_whole"),
        Index(None, "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str]
    fingerprint: Mapped[str]
    """A hash of the request's route and body."""
    lease: Mapped[uuid.UUID]
    """The id of the call that may store the response; a call that has lost the lease must have no effect."""
    leased_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    status_code: Mapped[int | None]
    answer: Mapped[str | None]
    """The exact JSON text of the response; null while the call runs."""
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """The time after which the key counts as new, and the row may be deleted."""
