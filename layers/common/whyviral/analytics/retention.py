"""How logs are made room for, and how old ones go."""

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
    """Make the months to come of every partitioned log."""
    session.execute(select(func.private.ensure_log_partitions(MONTHS_AHEAD)))


def drop_months(session: Session, log: PartitionedLog, *, before: datetime) -> int:
    """Drop the months of a log that ended before a moment, and return how many; far cheaper than deleting their rows.

    It locks the log for as long as it takes, and gives up with an error when the lock is not to be had in two seconds.
    """
    return session.scalar(select(func.private.drop_log_partitions(log.__tablename__, before))) or 0


def delete_old(session: Session, log: Log, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` rows written before a moment, and return how many there were."""
    return delete_batch(session, log, log.created_at < before, limit=limit)
