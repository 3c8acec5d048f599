"""Tables of what happened: one row for every call to an outside system."""

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import DateTime, Index, Numeric, PrimaryKeyConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base


class ExternalApiCallLog(Base):
    """One call to a vendor and what it cost; partitioned by month.

    No foreign keys: a log outlives what it is about, and a failed log write must never fail a request.
    """

    __tablename__ = "external_api_call_logs"
    __table_args__ = (
        PrimaryKeyConstraint("id", "created_at"),
        Index(None, "analysis_request_id"),
        Index(None, "provider", "created_at"),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    provider: Mapped[str]
    operation: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_ms: Mapped[int]
    status: Mapped[int | None]
    error_category: Mapped[str | None]
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    model: Mapped[str | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    is_stand_in: Mapped[bool]
    analysis_request_id: Mapped[uuid.UUID | None]
    attempt: Mapped[int | None]
    post_id: Mapped[uuid.UUID | None]
    user_id: Mapped[uuid.UUID | None]
