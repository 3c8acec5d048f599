"""Tables of usage: what a user has used on a day, and which URLs were counted."""

import uuid
from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of


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

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
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

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("post_analysis_requests.id", ondelete="CASCADE"))
    """The request is known here by its id alone: analyses know accounts, and not the other way round."""
    platform: Mapped[str] = mapped_column(ForeignKey("platforms.slug"))
    url: Mapped[str]
    usage_date: Mapped[date]
    state: Mapped[str] = mapped_column(server_default=ReservationState.HELD)
