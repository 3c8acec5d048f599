"""The table of scheduled job runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from whyviral.core.database import Base, Identified, one_of


class JobState(StrEnum):
    """The state of a run; a failed or orphaned run may be restarted."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class JobRun(Identified, Base):
    """One run of a scheduled job: a single row per scheduled time, even after restarts."""

    __tablename__ = "job_runs"
    __table_args__ = (UniqueConstraint("job", "due_at"), one_of("state", JobState))

    job: Mapped[str]
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """The time for which the run was scheduled, which is the same after a restart."""
    state: Mapped[str] = mapped_column(server_default=JobState.RUNNING)
    attempts: Mapped[int] = mapped_column(server_default=text("1"))
    leased_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """The time after which an unfinished run counts as orphaned."""
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    results: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[str | None]
