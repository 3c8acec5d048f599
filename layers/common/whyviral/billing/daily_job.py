"""The daily safety net: does what an event should have done, for the case that the event never came.

It asks the provider before it acts, and saves what the provider says. Running it twice changes nothing more.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aws_lambda_powertools import Logger
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.accounts.models import Subscription, SubscriptionStatus
from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.integrations.dodo import documents
from whyviral.integrations.dodo.client import DodoClient
from whyviral.jobs import job_runs
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from . import repository
from .checkout import CHECKOUT_LIFETIME
from .mirror.lifecycle import Version
from .mirror.subscriptions import apply_fetched, version_of
from .plan_changes import CHANGE_LIFETIME
from .provider_calls import Connect

BATCH = 100
_COUNTS = ("subscriptions_checked", "subscriptions_ended", "checkouts_closed", "rows_failed")


_MAX_DAYS = 31


def list_days(session: Session, job: str, due_at: datetime) -> list[datetime]:
    """Return the scheduled times of a daily job that have not succeeded, oldest first, up to a time.

    Args:
        session: the transaction.
        job: the name of the job in `job_runs`.
        due_at: the last of the times. At most a month before it is caught up.
    """
    last = job_runs.find_last_success(session, job, before=due_at)
    missed = 0 if last is None else min((due_at - last).days - 1, _MAX_DAYS)
    return [due_at - timedelta(days=days) for days in range(missed, -1, -1)]


class RowsFailed(Exception):
    """Some rows could not be handled; the others were, and the next run tries again."""


class OutOfTime(Exception):
    """The run reached its time limit with rows left; a retry continues."""


@dataclass(slots=True)
class DailyJob:
    """One run of the job. Every row has its own transaction, so that its failure does not affect the others."""

    engine: Engine
    connect: Connect
    clock: Clock
    logger: Logger
    stop_at_mono_s: float = float("inf")
    """When to stop, on the monotonic clock."""
    results: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))

    def run(self, due_at: datetime) -> dict[str, int]:
        """Handle everything that was due by a time, and return the counts.

        Raises:
            RowsFailed: at least one row failed.
            OutOfTime: the time limit came before the last row.
        """
        for row in self._each(
            lambda session, after: repository.list_due(session, due_at=due_at, limit=BATCH, after=after)
        ):
            self._handle(row, self._check)
        created_before = due_at - CHECKOUT_LIFETIME - timedelta(hours=1)
        for row in self._each(
            lambda session, after: repository.list_open_checkouts(
                session, created_before=created_before, limit=BATCH, after=after
            )
        ):
            self._handle(row, self._close_checkout)
        return self._finish()

    def end_due(self, due_at: datetime) -> dict[str, int]:
        """End the subscriptions of deleted accounts and those whose last period is over, and return the counts.

        Raises:
            RowsFailed: at least one row failed.
            OutOfTime: the time limit came before the last row.
        """
        for row in self._each(
            lambda session, after: repository.list_ending(session, due_at=due_at, limit=BATCH, after=after)
        ):
            self._handle(row, self._check)
        return self._finish()

    def _finish(self) -> dict[str, int]:
        if self.results["rows_failed"]:
            raise RowsFailed(f"{self.results['rows_failed']} rows failed")
        return self.results

    def _each(self, list_rows: Callable[[Session, uuid.UUID | None], Sequence[Subscription]]) -> Iterator[Subscription]:
        after: uuid.UUID | None = None
        while True:
            with session_scope(self.engine) as session:
                rows = list_rows(session, after)
            for row in rows:
                if time.monotonic() >= self.stop_at_mono_s:
                    raise OutOfTime
                yield row
            if len(rows) < BATCH:
                return
            after = rows[-1].id

    def _handle(self, row: Subscription, act: Callable[[DodoClient, Subscription], None]) -> None:
        calls = CallCollector()
        try:
            act(self.connect(calls), row)
        except Exception as exc:  # noqa: BLE001 - counted and logged; the other rows must still be handled
            self.results["rows_failed"] += 1
            details = {"subscription": str(row.id), "error": type(exc).__name__}
            self.logger.error("a subscription could not be checked", extra=details)  # noqa: TRY400 - messages quote rows
        finally:
            with session_scope(self.engine) as session:
                call_log.record_calls(session, calls.drain(), call_log.CallOwner(user_id=row.user_id))

    def _check(self, dodo: DodoClient, row: Subscription) -> None:
        known, subscription_id = version_of(row), str(row.provider_subscription_id)
        document = dodo.get_subscription(subscription_id)
        if row.cancel_requested_at is not None and document.status not in repository.ENDED_AT_PROVIDER:
            document = dodo.cancel_now(subscription_id)
            self.results["subscriptions_ended"] += 1
        self._save(document, known)
        with session_scope(self.engine) as session:
            ordered_before = self.clock() - CHANGE_LIFETIME
            repository.end_plan_change(session, subscription_id, requested_before=ordered_before)
        self.results["subscriptions_checked"] += 1

    def _close_checkout(self, dodo: DodoClient, row: Subscription) -> None:
        """Close a checkout that can no longer be paid, or save the subscription that came from it."""
        checkout = None if row.checkout_session_id is None else dodo.get_checkout(row.checkout_session_id)
        payment = None if checkout is None or checkout.payment_id is None else dodo.get_payment(checkout.payment_id)
        if payment is not None and payment.subscription_id is not None:
            self._save(dodo.get_subscription(payment.subscription_id), None)
        with session_scope(self.engine) as session:
            repository.set_checkout(session, row.id, status=SubscriptionStatus.EXPIRED, checkout_url=None)
        self.results["checkouts_closed"] += 1

    def _save(self, document: documents.Subscription, known: Version | None) -> None:
        with session_scope(self.engine) as session:
            apply_fetched(session, document, known=known, now=self.clock())
