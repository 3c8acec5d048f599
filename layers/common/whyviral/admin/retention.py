"""What the retention job does: months of logs are made ahead, and what is too old or expired goes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.accounts import retention as account_retention
from whyviral.analytics import retention as log_retention
from whyviral.analytics.models import ApiAccessLog, AppLog, AuthenticationLog
from whyviral.core.database import session_scope
from whyviral.jobs import job_runs
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.webhooks import inbox

BATCH = 5_000


class OutOfTime(Exception):
    """There is more to delete than one run has time for; another one goes on."""


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """How many days each kind of record is kept."""

    access_log: int
    event_log: int
    call_log: int


@dataclass(slots=True)
class Cleaner:
    """Cleans once. Each batch is a transaction of its own: what is gone stays gone, whatever breaks later."""

    engine: Engine
    periods: RetentionPeriods
    now: datetime
    stop_at: float = float("inf")
    """On the monotonic clock."""
    batch: int = BATCH
    results: dict[str, int] = field(default_factory=dict)

    def clean(self) -> dict[str, int]:
        """Do all of it and return how many rows went of each table, and how many whole months.

        Raises:
            OutOfTime: before all of it was done.
        """
        with session_scope(self.engine) as session:
            log_retention.ensure_partitions(session)
        days = self.periods
        self._drop_months(ApiAccessLog, self._before(days.access_log))
        self._drop_months(ExternalApiCallLog, self._before(days.call_log))
        self._delete_old(ApiAccessLog, self._before(days.access_log))
        self._delete_old(ExternalApiCallLog, self._before(days.call_log))
        self._delete_old(AppLog, self._before(days.event_log))
        self._delete_old(AuthenticationLog, self._before(days.event_log))
        for model in account_retention.EXPIRING:
            delete_expired = partial(account_retention.delete_expired, model=model, now=self.now, limit=self.batch)
            self._until_done(model.__tablename__, delete_expired)
        erase_old = partial(inbox.erase_old, processed_before=self._before(days.access_log), limit=self.batch)
        self._until_done("webhook_events_erased", erase_old)
        delete_runs = partial(job_runs.delete_old, before=self._before(days.access_log), limit=self.batch)
        self._until_done("job_runs", delete_runs)
        return self.results

    def _before(self, days: int) -> datetime:
        return self.now - timedelta(days=days)

    def _drop_months(self, log: log_retention.PartitionedLog, before: datetime) -> None:
        with session_scope(self.engine) as session:
            self.results[f"{log.__tablename__}_months"] = log_retention.drop_months(session, log, before=before)

    def _delete_old(self, log: log_retention.Log, before: datetime) -> None:
        self._until_done(log.__tablename__, partial(log_retention.delete_old, log=log, before=before, limit=self.batch))

    def _until_done(self, name: str, take: Callable[[Session], int]) -> None:
        self.results[name] = 0
        while True:
            if time.monotonic() >= self.stop_at:
                raise OutOfTime(name)
            with session_scope(self.engine) as session:
                taken = take(session)
            self.results[name] += taken
            if taken < self.batch:
                return
