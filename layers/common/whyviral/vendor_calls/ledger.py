"""The ledger: reserves the cost of each call before it is made, within the budgets of its owner and of the day."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from whyviral.core.clock import Clock, day_of, end_of_day
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.catalogue import REFUSALS
from whyviral.core.telemetry.metrics import record
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall

from . import call_log, circuit_breaker, daily_budget
from .budget_owner import BudgetOwner
from .calls import CallCollector
from .money import SpendLimits

_logger = build_logger("ledger")

UNPRICED_USD = Decimal(1)
"""The amount reserved for a call without a known price: more than any of our calls costs at the highest known price.
The setting PRICES can add the missing price."""


class OwnerSuperseded(ProviderError):
    """The owner has ended or was superseded, for example by a newer attempt, so it must not pay for calls."""


class OwnerBudgetSpent(ProviderError):
    """The call could exceed the budget of its owner."""


class DayBudgetSpent(ProviderError):
    """The call could exceed the budget of the day, which resets at midnight UTC."""


@dataclass(frozen=True, slots=True)
class _Started:
    intent: CallIntent
    reserved_usd: Decimal | None


class Ledger(CallCollector):
    """Collects the calls of one unit of work and refuses those that the budgets or a vendor's limits do not allow.

    A call that may cost something gets its log row and its reservation in a transaction of its own before it is made.
    `settlement.record_calls` completes the row together with the work's result. A process that dies in between leaves a
    row without an end, whose money stays reserved. Hold no session while a client uses a ledger: it opens its own.
    """

    def __init__(
        self,
        engine: Engine,
        owner: BudgetOwner,
        step: str,
        *,
        limits: SpendLimits,
        clock: Clock,
        post_id: uuid.UUID | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._owner = owner
        self._call_owner = replace(owner.call_owner, step=step, post_id=post_id)
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._started: dict[uuid.UUID, _Started] = {}

    def begin(self, intent: CallIntent) -> None:
        """Reserve the cost of a call, acquire its slot at the vendor, and wait for that slot.

        Raises:
            OwnerSuperseded: the owner must not make calls any more.
            OwnerBudgetSpent: the owner's budget does not allow the call.
            DayBudgetSpent: the day's budget does not allow the call.
            CallThrottled: the vendor must not be called now.
        """
        most_usd = UNPRICED_USD if intent.most_usd is None else intent.most_usd
        if not most_usd and intent.key_hash is None:
            return  # free, and the vendor has no limits per key
        with session_scope(self._engine) as session:
            if most_usd:
                self._reserve(session, intent, most_usd)
            # The last lock of the transaction, and besides the day's the only one that owners share.
            wait_s = circuit_breaker.acquire(session, intent, now=self._clock())
        self._started[intent.id] = _Started(intent, most_usd or None)
        if wait_s > 0:
            self._sleep(wait_s)

    def record(self, call: ExternalCall, *, retry_after_s: float | None = None) -> None:
        """Add one finished call, and report its outcome to the circuit breaker at once."""
        started = self._started.pop(call.id, None)
        super().record(replace(call, reserved_usd=started.reserved_usd) if started else call)
        if started is None or started.intent.key_hash is None:
            return
        try:
            with session_scope(self._engine) as session:
                circuit_breaker.report(session, started.intent, call, retry_after_s=retry_after_s, now=self._clock())
        except (SQLAlchemyError, OSError) as exc:
            # The call's result is paid for and must not be lost. The next call reports the vendor's state again.
            details = {"provider": call.provider, "error": type(exc).__name__}
            _logger.warning("circuit breaker was not updated", extra=details)

    def _reserve(self, session: Session, intent: CallIntent, most_usd: Decimal) -> None:
        # The owner first, then the day, here and in `record_calls`, so that no two transactions wait for each other.
        if not self._owner.reserve(session, most_usd, max_usd=self._limits.per_request_usd):
            if not self._owner.is_current(session):
                raise self._superseded(intent)
            record(REFUSALS, Reason="owner_budget_spent")
            raise self._budget_spent(intent)
        day = day_of(intent.started_at)
        if not daily_budget.reserve(session, day, most_usd, max_usd=self._limits.per_day_usd):
            record(REFUSALS, Reason="day_budget_spent")
            raise _day_budget_spent(intent)
        call_log.announce_call(session, intent, self._call_owner, reserved_usd=most_usd)

    def _superseded(self, intent: CallIntent) -> OwnerSuperseded:
        return OwnerSuperseded(
            f"This {self._owner.kind} was started again.", provider=intent.provider, category=ErrorCategory.INTERNAL
        )

    def _budget_spent(self, intent: CallIntent) -> OwnerBudgetSpent:
        return OwnerBudgetSpent(
            f"This {self._owner.kind} has reached its cost limit; start a new one for the rest.",
            provider=intent.provider,
            category=ErrorCategory.RATE_LIMIT,
        )


def _day_budget_spent(intent: CallIntent) -> DayBudgetSpent:
    return DayBudgetSpent(
        "Today's budget for calls to vendors is used up; try again after midnight UTC.",
        provider=intent.provider,
        category=ErrorCategory.RATE_LIMIT,
        is_transient=True,
        retry_after_s=(end_of_day(intent.started_at) - intent.started_at).total_seconds(),
    )
