"""The retention job: creates log partitions for the coming months and deletes rows that are old or expired."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.accounts import retention as account_retention
from whyviral.analysis.creators import sampled_posts
from whyviral.analytics import retention as log_retention
from whyviral.analytics.models import ApiAccessLog, AppLog, AuthenticationLog
from whyviral.chat import orphaned as orphaned_answers
from whyviral.chat.models import ChatMessageChunk
from whyviral.core.database import session_scope
from whyviral.jobs import job_runs
from whyviral.social.creator_baselines import repository as baselines
from whyviral.social.creator_baselines.service import MAX_USE
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.webhooks import inbox
from whyviral.webhooks.outgoing import repository as outgoing

BATCH = 5_000


class OutOfTime(Exception):
    """The run reached its time limit with rows left to delete; the next run continues."""


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """How many days each kind of log is kept."""

    access_log: int
    event_log: int
    call_log: int


@dataclass(slots=True)
class Cleaner:
    """One run of the retention job. Each batch commits by itself, so a later failure loses no completed work."""

    engine: Engine
    periods: RetentionPeriods
    now: datetime
    stop_at_mono_s: float = float("inf")
    """When to stop, on the monotonic clock."""
    batch: int = BATCH
    """The number of rows that one transaction deletes."""
    results: dict[str, int] = field(default_factory=dict)

    def clean(self) -> dict[str, int]:
        """Run the job and return the number of deleted rows and of dropped partitions by table.

        Raises:
            OutOfTime: the time limit came before the last batch.
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
        delete_chunks = partial(orphaned_answers.delete_old_chunks, now=self.now, limit=self.batch)
        self._until_done(ChatMessageChunk.__tablename__, delete_chunks)
        delete_lists = partial(baselines.delete_old, before=self.now - MAX_USE, limit=self.batch)
        self._until_done("creator_baselines", delete_lists)
        forget_samples = partial(sampled_posts.forget_old, before=self.now - MAX_USE, limit=self.batch)
        self._until_done("baseline_posts", forget_samples)
        delete_deliveries = partial(outgoing.delete_old, before=self._before(days.access_log), limit=self.batch)
        self._until_done("outgoing_deliveries", delete_deliveries)
        return self.results

    def _before(self, days: int) -> datetime:
        return self.now - timedelta(days=days)

    def _drop_months(self, log: log_retention.PartitionedLog, before: datetime) -> None:
        with session_scope(self.engine) as session:
            self.results[f"{log.__tablename__}_months"] = log_retention.drop_months(session, log, before=before)

    def _delete_old(self, log: log_retention.Log, before: datetime) -> None:
        self._until_done(log.__tablename__, partial(log_retention.delete_old, log=log, before=before, limit=self.batch))

    def _until_done(self, name: str, delete_batch: Callable[[Session], int]) -> None:
        self.results[name] = 0
        while True:
            if time.monotonic() >= self.stop_at_mono_s:
                raise OutOfTime(name)
            with session_scope(self.engine) as session:
                deleted = delete_batch(session)
            self.results[name] += deleted
            if deleted < self.batch:
                return
