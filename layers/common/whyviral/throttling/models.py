"""Tables of limits: what was used, by which URLs, how often somebody has called, and which calls were made once."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified


class RateWindow(Identified, Base):
    """When somebody was allowed to do something lately; never holds more times than the limit."""

    __tablename__ = "rate_windows"
    __table_args__ = (
        UniqueConstraint("scope", "subject"),
        CheckConstraint("char_length(subject) between 1 and 320", name="subject_is_bounded"),
        Index(None, "expires_at"),
    )

    scope: Mapped[str]
    """What is limited: `analysis`, `chat`, …"""
    subject: Mapped[str]
    """Whose calls are counted: a user's id, an address, …"""
    hits: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))
    """Ascending."""
    was_allowed: Mapped[bool]
    """Whether the last call was."""
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """From then on the row says nothing and may be deleted."""
    refusals: Mapped[int] = mapped_column(server_default=text("0"))
    """Calls refused since `refused_since`, at most one window long; only the first of them is recorded elsewhere."""
    refused_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class IdempotencyKey(Identified, Base):
    """A call that its user may repeat without repeating its effect."""

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
    """Of what was asked: route and body."""
    lease: Mapped[uuid.UUID]
    """The call that may store the answer; a call whose lease went to another one must have no effect."""
    leased_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    status_code: Mapped[int | None]
    answer: Mapped[str | None]
    """The JSON that was sent, to the letter; null while the call runs."""
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """From then on the key is as good as new, and the row may be deleted."""
