"""Tables of usage: the daily counters of each user, and the URLs that were counted."""

import uuid
from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of


class ReservationState(StrEnum):
    """The state of one counted URL."""

    HELD = "held"
    """The URL is counted, and its request has not ended."""
    CHARGED = "charged"
    """The URL is counted, and its analysis was delivered."""
    RETURNED = "returned"
    """The URL has no analysis and is no longer counted."""


class ReservationKind(StrEnum):
    """What a reservation counts."""

    URL = "url"
    HANDLE = "handle"


class UserUsage(Identified, Base):
    """The usage counters of a user on one platform and UTC day; docs/limits.md explains each counter."""

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
    """One URL or handle of one request, and whether it still counts on its usage date."""

    __tablename__ = "usage_reservations"
    __table_args__ = (
        UniqueConstraint("request_id", "url"),
        one_of("state", ReservationState),
        one_of("kind", ReservationKind),
        Index(None, "user_id", "usage_date"),
        Index(None, "platform"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("post_analysis_requests.id", ondelete="CASCADE"))
    """The id only, without a relationship, because usage must not import analyses."""
    platform: Mapped[str] = mapped_column(ForeignKey("platforms.slug"))
    url: Mapped[str]
    usage_date: Mapped[date]
    state: Mapped[str] = mapped_column(server_default=ReservationState.HELD)
    kind: Mapped[str] = mapped_column(server_default=ReservationKind.URL)
    """For a handle `url` holds the handle; a post that is not chosen yet is a slot, such as `slot:1`."""
