"""Settlement: completes the log of finished calls and books their costs to owners and days."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from whyviral.core.clock import day_of
from whyviral.core.telemetry.catalogue import COST_USD
from whyviral.core.telemetry.on_commit import record_on_commit
from whyviral.integrations.ports.call_recorder import ExternalCall

from . import call_log, daily_budget
from .budget_owner import BudgetOwner, OwnerCosts

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Entry:
    """The known price of one call, and the owner and day it is booked to."""

    owner_id: uuid.UUID
    provider: str
    day: date
    cost_usd: Decimal
    released_usd: Decimal


def record_calls(
    session: Session,
    owner: BudgetOwner,
    calls: Sequence[ExternalCall],
    *,
    step: str,
    post_id: uuid.UUID | None = None,
) -> None:
    """Log the calls of one unit of work and book their costs, also for a superseded owner: the money is spent.

    One transaction holds everything, so the cost of an owner, and of a day, always equals the sum of its logged calls.
    Call this before anything else in the transaction, including locking the owner, which then reads the new sums.
    Owners are locked in the order of their ids, then days.
    """
    if not calls:
        return
    settled, written = _settle_jobs(session, calls)
    entries = [*settled, *(_entry(owner, call) for call in written if call.cost_usd is not None)]
    # Calls with a reservation were counted when it was made.
    unannounced = sum(call.reserved_usd is None for call in calls)
    owner.settle(session, _costs_of_owners(owner, entries, calls=unannounced))
    _settle_days(session, entries)
    for entry in entries:
        if entry.cost_usd:
            record_on_commit(session, COST_USD, float(entry.cost_usd), Provider=entry.provider)
    call_owner = replace(owner.call_owner, step=step, post_id=post_id)
    call_log.record_calls(session, written, call_owner)


def _settle_jobs(session: Session, calls: Sequence[ExternalCall]) -> tuple[Sequence[_Entry], Sequence[ExternalCall]]:
    """Move the price of finished vendor jobs to the calls that began them; return those entries and the other calls.

    A job is paid for once, by the owner that began it, however many owners learn of its end.
    """
    entries: list[_Entry] = []
    written: list[ExternalCall] = []
    for call in calls:
        if call.job_id is None or call.cost_usd is None:
            written.append(call)
            continue
        settled = call_log.settle_job(session, call.provider, call.job_id, cost_usd=call.cost_usd)
        entries += [
            _Entry(each.analysis_request_id, call.provider, day_of(each.started_at), call.cost_usd, each.reserved_usd)
            for each in settled
        ]
        is_booked = settled or call_log.is_job_known(session, call.provider, call.job_id)
        written.append(replace(call, cost_usd=_ZERO) if is_booked else call)
    return entries, written


def _entry(owner: BudgetOwner, call: ExternalCall) -> _Entry:
    return _Entry(owner.id, call.provider, day_of(call.started_at), call.cost_usd or _ZERO, call.reserved_usd or _ZERO)


def _costs_of_owners(owner: BudgetOwner, entries: Iterable[_Entry], *, calls: int) -> Sequence[OwnerCosts]:
    owned: dict[uuid.UUID, list[_Entry]] = defaultdict(list)
    owned[owner.id] = []
    for entry in entries:
        owned[entry.owner_id].append(entry)
    return [
        OwnerCosts(
            owner_id,
            calls=calls if owner_id == owner.id else 0,
            cost_usd=sum((entry.cost_usd for entry in owned[owner_id]), _ZERO),
            released_usd=sum((entry.released_usd for entry in owned[owner_id]), _ZERO),
        )
        for owner_id in sorted(owned)
    ]


def _settle_days(session: Session, entries: Iterable[_Entry]) -> None:
    owned: dict[date, list[_Entry]] = defaultdict(list)
    for entry in entries:
        if entry.cost_usd or entry.released_usd:
            owned[entry.day].append(entry)
    for day in sorted(owned):
        daily_budget.settle(
            session,
            day,
            spent_usd=sum((entry.cost_usd for entry in owned[day]), _ZERO),
            released_usd=sum((entry.released_usd for entry in owned[day]), _ZERO),
        )
