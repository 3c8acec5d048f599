"""Tables of vendor calls: the call log, the daily budget, and the limits of each API key."""

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
    """One call to a vendor and its cost; partitioned by month.

    A call that may cost something gets its row before it is made. A row without a duration belongs to a call whose
    process died, so its end is unknown. There are no foreign keys: a log outlives the rows it names, and a failed log
    write must never fail a request.
    """

    __tablename__ = "external_api_call_logs"
    __table_args__ = (
        PrimaryKeyConstraint("id", "created_at"),
        Index(None, "analysis_request_id"),
        Index(None, "provider", "created_at"),
        Index(None, "job_id", postgresql_where=text("job_id is not null")),
        Index(None, "chat_message_id", postgresql_where=text("chat_message_id is not null")),
        Index(None, "trace_id", postgresql_where=text("trace_id is not null")),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """Equal to `started_at`; its UTC day is the day whose budget the call counts against."""
    provider: Mapped[str]
    operation: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_ms: Mapped[int | None]
    status: Mapped[int | None]
    error_category: Mapped[str | None]
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    reserved_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    """The upper bound of the cost, reserved before the call until `cost_usd` is known. None: the call was free."""
    job_id: Mapped[str | None]
    """The vendor's job that this call began, whose price becomes the call's, or whose end this call reported."""
    model: Mapped[str | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    is_stand_in: Mapped[bool]
    analysis_request_id: Mapped[uuid.UUID | None]
    attempt: Mapped[int | None]
    step: Mapped[str | None]
    """The pipeline stage that made the call."""
    post_id: Mapped[uuid.UUID | None]
    user_id: Mapped[uuid.UUID | None]
    chat_message_id: Mapped[uuid.UUID | None]
    trace_id: Mapped[str | None]
    """The `request_id` of the API call that caused this call; null for calls of before."""


class DailySpend(Identified, Base):
    """The cost of one UTC day's vendor calls, and the reservations for calls in flight."""

    __tablename__ = "daily_spend"
    __table_args__ = (UniqueConstraint("day"),)

    day: Mapped[date]
    spent_usd: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default=text("0"))
    reserved_usd: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default=text("0"))


class ProviderLimit(Identified, Base):
    """Rate limit and circuit breaker state of one vendor API key, shared by all processes."""

    __tablename__ = "provider_limits"
    __table_args__ = (UniqueConstraint("provider", "key_hash"),)

    provider: Mapped[str]
    key_hash: Mapped[str]
    """A hash that names the key without revealing it."""
    next_slot_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The next free slot."""
    cooldown_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """The end of the wait that the vendor asked for."""
    failures: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default=text("'{}'"))
    """The times of recent failures, oldest first."""
    opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the breaker opened, or when its last probe started; None: the breaker is closed."""
    probe_id: Mapped[uuid.UUID | None]
    """The call that is the current probe; its success closes the breaker."""
