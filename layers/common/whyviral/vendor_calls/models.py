"""Tables of vendor calls: the call log, the money of each day, and the circuit breaker of each key."""

import uuid
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    DateTime,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified


class ExternalApiCallLog(Base):
    """One call to a vendor and what it cost; partitioned by month.

    A call that may cost something has its row before it is made; without a duration its end is not known: whoever made
    it has died meanwhile. No foreign keys: a log outlives what it is about, and a failed log write must never fail a
    request.
    """

    __tablename__ = "external_api_call_logs"
    __table_args__ = (
        PrimaryKeyConstraint("id", "created_at"),
        Index(None, "analysis_request_id"),
        Index(None, "provider", "created_at"),
        Index(None, "job_id", postgresql_where=text("job_id is not null")),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """The same as `started_at`, by whose day it is counted."""
    provider: Mapped[str]
    operation: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_ms: Mapped[int | None]
    status: Mapped[int | None]
    error_category: Mapped[str | None]
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    reserved_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    """The most it could cost, as it was reserved before the call; held until `cost_usd` is known. None: it was free."""
    job_id: Mapped[str | None]
    """The provider's work that it began, and whose price becomes its own, or with whose end it came."""
    model: Mapped[str | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    is_stand_in: Mapped[bool]
    analysis_request_id: Mapped[uuid.UUID | None]
    attempt: Mapped[int | None]
    step: Mapped[str | None]
    """The stage of the pipeline that made it."""
    post_id: Mapped[uuid.UUID | None]
    user_id: Mapped[uuid.UUID | None]


class DailySpend(Identified, Base):
    """What calls to vendors have cost on one day (UTC), and what those under way may yet cost."""

    __tablename__ = "daily_spend"
    __table_args__ = (UniqueConstraint("day"),)

    day: Mapped[date]
    spent_usd: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default=text("0"))
    reserved_usd: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default=text("0"))


class ProviderLimit(Identified, Base):
    """What a provider bears with one of our keys, shared by all who call it."""

    __tablename__ = "provider_limits"
    __table_args__ = (UniqueConstraint("provider", "key_hash"),)

    provider: Mapped[str]
    key_hash: Mapped[str]
    """Names the key without telling it."""
    next_slot_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the next call may be made, so that calls keep their distance."""
    cooldown_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Until when the provider has asked us to wait."""
    failures: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default=text("'{}'"))
    """When it refused us or failed, lately."""
    opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Since when nobody calls it, because it failed too often, or since its last probe; None: it is called."""
    probe_id: Mapped[uuid.UUID | None]
    """The call that was let through last since then; its success lets all others through."""
