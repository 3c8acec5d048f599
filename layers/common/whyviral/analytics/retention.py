"""Retention of logs: creates partitions for coming months, and deletes old rows and partitions."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from whyviral.core.batch_delete import delete_batch
from whyviral.vendor_calls.models import ExternalApiCallLog

from .models import ApiAccessLog, AppLog, AuthenticationLog

MONTHS_AHEAD = 3

type PartitionedLog = type[ApiAccessLog | ExternalApiCallLog]
type Log = type[ApiAccessLog | ExternalApiCallLog | AppLog | AuthenticationLog]


def ensure_partitions(session: Session) -> None:
    """Create the partitions of the coming months for every partitioned log."""
    session.execute(select(func.private.ensure_log_partitions(MONTHS_AHEAD)))


def drop_months(session: Session, log: PartitionedLog, *, before: datetime) -> int:
    """Drop the monthly partitions that ended before a time, and return their number; cheaper than deleting rows.

    The log is locked meanwhile. If the lock is not available within two seconds, the statement fails.
    """
    return session.scalar(select(func.private.drop_log_partitions(log.__tablename__, before))) or 0


def delete_old(session: Session, log: Log, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` rows written before a time, and return the number deleted."""
    return delete_batch(session, log, log.created_at < before, limit=limit)
