"""Tables of limits: what was used, by which URLs, how often somebody has called, and which calls were made once."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of

from .models import User


class ReservationState(StrEnum):
    """Life of one counted URL."""

    HELD = "held"
    """Counted; its request has not ended."""
    CHARGED = "charged"
    """Its analysis was delivered."""
    RETURNED = "returned"
    """It gave no analysis and is not counted any more."""


class UserUsage(Identified, Base):
    """What a user has used on one platform on one UTC day; see docs/limits.md for what each counter means."""

    __tablename__ = "user_usage"
    __table_args__ = (
        UniqueConstraint("user_id", "usage_date", "platform"),
        CheckConstraint(
            "handle_analyses >= 0 and url_lookups >= 0 and post_suggestions >= 0 and questions_asked >= 0",
            name="not_negative",
        ),
        Index(None, "platform"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    usage_date: Mapped[date]
    platform: Mapped[str] = mapped_column(ForeignKey("platforms.slug"))
    handle_analyses: Mapped[int] = mapped_column(server_default=text("0"))
    url_lookups: Mapped[int] = mapped_column(server_default=text("0"))
    post_suggestions: Mapped[int] = mapped_column(server_default=text("0"))
    questions_asked: Mapped[int] = mapped_column(server_default=text("0"))


class UsageReservation(Identified, Base):
    """One URL of one request, and whether it counts on the day it was counted."""

    __tablename__ = "usage_reservations"
    __table_args__ = (
        UniqueConstraint("request_id", "url"),
        one_of("state", ReservationState),
        Index(None, "user_id", "usage_date"),
        Index(None, "platform"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("post_analysis_requests.id", ondelete="CASCADE"))
    """The request is known here by its id alone: analyses know accounts, and not the other way round."""
    platform: Mapped[str] = mapped_column(ForeignKey("platforms.slug"))
    url: Mapped[str]
    usage_date: Mapped[date]
    state: Mapped[str] = mapped_column(server_default=ReservationState.HELD)


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


class IdempotencyKey(Identified, Base):
    """A call that its user may repeat without repeating its effect."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        CheckConstraint("char_length(key) between 1 and 255", name="key_is_bounded"),
        CheckConstraint("(status_code is null) = (answer is null)", name="answer_is_whole"),
        Index(None, "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
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
