"""Announces each call that costs something before it is made, within what may be spent."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from whyviral.analysis.models import Stage
from whyviral.analysis.pipeline import RequestJob
from whyviral.analysis.repository import PipelineRepository
from whyviral.core.clock import Clock, day_of, end_of_day
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.core.logging import build_logger
from whyviral.integrations.errors import ProviderError

from . import call_log, circuit_breaker, daily_budget
from .call_log import CallOwner
from .calls import CallCollector, CallIntent, ExternalCall
from .money import SpendLimits

_logger = build_logger("ledger")

UNPRICED_USD = Decimal(1)
"""What a call counts whose price nobody knows: more than any question of ours costs at the dearest price that we do
know. The fallback is a price in the setting PRICES."""


class AttemptOver(ProviderError):
    """Another attempt has taken over, or the request has its end: nothing may be paid for it here any more."""


class RequestBudgetSpent(ProviderError):
    """The call might make the request dearer than one may be."""


class DayBudgetSpent(ProviderError):
    """The call might make the day dearer than one may be; another day begins at midnight, UTC."""


@dataclass(frozen=True, slots=True)
class _Begun:
    intent: CallIntent
    reserved_usd: Decimal | None


class Ledger(CallCollector):
    """Collects the calls of one unit of work of the pipeline; no call is made that it refuses.

    A call that may cost something has its row, and its money reserved, in a transaction of its own before it is made;
    `record_calls` completes it together with what it gave. Whoever dies in between leaves a row whose end and cost
    nobody knows, and its money stays reserved. Hold no session while a client works with a ledger: it opens its own.
    """

    def __init__(
        self,
        engine: Engine,
        job: RequestJob,
        step: Stage,
        *,
        limits: SpendLimits,
        clock: Clock,
        post_id: uuid.UUID | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._job = job
        self._owner = CallOwner(analysis_request_id=job.request_id, attempt=job.attempt, step=step, post_id=post_id)
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._begun: dict[uuid.UUID, _Begun] = {}

    def begin(self, intent: CallIntent) -> None:
        """Reserve what the call may cost, take a turn at the provider, and wait for it.

        Raises:
            AttemptOver: see there.
            RequestBudgetSpent: see there.
            DayBudgetSpent: see there.
            ProviderError: the provider is not to be called now.
        """
        most_usd = UNPRICED_USD if intent.most_usd is None else intent.most_usd
        if not most_usd and intent.key_hash is None:
            return  # free, and of a provider that does not count: nothing to ask for
        with session_scope(self._engine) as session:
            if most_usd:
                self._reserve(session, intent, most_usd)
            # The last lock of all, and the only one that requests have in common beside the day's.
            wait_s = circuit_breaker.acquire(session, intent, now=self._clock())
        self._begun[intent.id] = _Begun(intent, most_usd or None)
        if wait_s > 0:
            self._sleep(wait_s)

    def record(self, call: ExternalCall, *, retry_after_s: float | None = None) -> None:
        """Add one finished call, and let everybody know at once how the provider took it."""
        begun = self._begun.pop(call.id, None)
        super().record(replace(call, reserved_usd=begun.reserved_usd) if begun else call)
        if begun is None or begun.intent.key_hash is None:
            return
        try:
            with session_scope(self._engine) as session:
                circuit_breaker.report(session, begun.intent, call, retry_after_s=retry_after_s, now=self._clock())
        except (SQLAlchemyError, OSError) as exc:
            # What the call gave is paid for, and must not be lost over this: whoever calls next learns it again.
            details = {"provider": call.provider, "error": type(exc).__name__}
            _logger.warning("how a provider took a call was not noted", extra=details)

    def _reserve(self, session: Session, intent: CallIntent, most_usd: Decimal) -> None:
        # The request, then the day, here and in `record_calls`, so that no two transactions wait for each other.
        repository, limits, job = PipelineRepository(session), self._limits, self._job
        if not repository.reserve(job.request_id, job.attempt, most_usd, most_usd=limits.per_request_usd):
            is_current = repository.is_current(job.request_id, job.attempt)
            raise _request_budget_spent(intent) if is_current else _attempt_over(intent)
        day = day_of(intent.started_at)
        if not daily_budget.reserve_on(session, day, most_usd, most_usd=limits.per_day_usd):
            raise _day_budget_spent(intent)
        call_log.announce_external_call(session, intent, self._owner, reserved_usd=most_usd)


def _attempt_over(intent: CallIntent) -> AttemptOver:
    return AttemptOver(
        "This analysis has been started again.", provider=intent.provider, category=ErrorCategory.INTERNAL
    )


def _request_budget_spent(intent: CallIntent) -> RequestBudgetSpent:
    return RequestBudgetSpent(
        "This analysis has cost as much as one may; ask for the rest in another one.",
        provider=intent.provider,
        category=ErrorCategory.RATE_LIMIT,
    )


def _day_budget_spent(intent: CallIntent) -> DayBudgetSpent:
    return DayBudgetSpent(
        "We have spent today what we may in one day; try again tomorrow.",
        provider=intent.provider,
        category=ErrorCategory.RATE_LIMIT,
        is_transient=True,
        retry_after_s=(end_of_day(intent.started_at) - intent.started_at).total_seconds(),
    )
