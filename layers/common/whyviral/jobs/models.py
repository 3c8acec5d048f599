"""The table of scheduled job runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of


class JobState(StrEnum):
    """Life of a run; one that failed, or died, may be started again."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class JobRun(Identified, Base):
    """One run of a scheduled job, once however often it is started."""

    __tablename__ = "job_runs"
    __table_args__ = (UniqueConstraint("job", "due_at"), one_of("state", JobState))

    job: Mapped[str]
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """The moment for which the run was scheduled, the same for each repetition."""
    state: Mapped[str] = mapped_column(server_default=JobState.RUNNING)
    attempts: Mapped[int] = mapped_column(server_default=text("1"))
    leased_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """From then on a run that has not ended is taken for dead."""
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    results: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[str | None]
