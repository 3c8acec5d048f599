"""Writes the calls that were made with what they gave, and keeps the sums of requests and days exact."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from whyviral.analysis.models import Stage
from whyviral.analysis.pipeline import RequestJob
from whyviral.analysis.repository import PipelineRepository
from whyviral.core.clock import day_of

from . import call_log, daily_budget
from .call_log import CallOwner
from .calls import ExternalCall

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is known of the price of one call, and whose it is."""

    request_id: uuid.UUID
    day: date
    cost_usd: Decimal
    released_usd: Decimal


def record_calls(
    session: Session,
    job: RequestJob,
    calls: Sequence[ExternalCall],
    *,
    step: Stage,
    post_id: uuid.UUID | None = None,
) -> None:
    """Log the calls a stage made and add them to the request, even for a loser: the money is spent all the same.

    All is written in one transaction, so that what a request, and a day, has cost is the sum of its logged calls. Call
    it before anything else, `lock_current` included, which then reads the new sums: requests are locked in the order of
    their ids, then days, and what is locked after them waits for neither.
    """
    if not calls:
        return
    settled, written = _settle_jobs(session, calls)
    entries = [*settled, *(_entry(job, call) for call in written if call.cost_usd is not None)]
    # Those with a reservation were counted when it was made.
    unannounced = sum(call.reserved_usd is None for call in calls)
    _book_requests(session, job, entries, calls=unannounced)
    _book_days(session, entries)
    owner = CallOwner(analysis_request_id=job.request_id, attempt=job.attempt, step=step, post_id=post_id)
    call_log.record_external_calls(session, written, owner)


def _settle_jobs(session: Session, calls: Sequence[ExternalCall]) -> tuple[Sequence[_Entry], Sequence[ExternalCall]]:
    """Give the price of ended jobs to the calls that began them; return it, and the calls without it.

    A job is paid for once, by the request that began it, whoever is told its end, and however often.
    """
    entries: list[_Entry] = []
    written: list[ExternalCall] = []
    for call in calls:
        if call.job_id is None or call.cost_usd is None:
            written.append(call)
            continue
        settled = call_log.settle_job(session, call.provider, call.job_id, cost_usd=call.cost_usd)
        entries += [
            _Entry(each.analysis_request_id, day_of(each.started_at), call.cost_usd, each.reserved_usd)
            for each in settled
        ]
        is_told = settled or call_log.is_job_known(session, call.provider, call.job_id)
        written.append(replace(call, cost_usd=_ZERO) if is_told else call)
    return entries, written


def _entry(job: RequestJob, call: ExternalCall) -> _Entry:
    return _Entry(job.request_id, day_of(call.started_at), call.cost_usd or _ZERO, call.reserved_usd or _ZERO)


def _book_requests(session: Session, job: RequestJob, entries: Iterable[_Entry], *, calls: int) -> None:
    owned: dict[uuid.UUID, list[_Entry]] = defaultdict(list)
    owned[job.request_id] = []
    for entry in entries:
        owned[entry.request_id].append(entry)
    repository = PipelineRepository(session)
    for request_id in sorted(owned):
        repository.book(
            request_id,
            calls=calls if request_id == job.request_id else 0,
            cost_usd=sum((entry.cost_usd for entry in owned[request_id]), _ZERO),
            released_usd=sum((entry.released_usd for entry in owned[request_id]), _ZERO),
        )


def _book_days(session: Session, entries: Iterable[_Entry]) -> None:
    owned: dict[date, list[_Entry]] = defaultdict(list)
    for entry in entries:
        if entry.cost_usd or entry.released_usd:
            owned[entry.day].append(entry)
    for day in sorted(owned):
        daily_budget.settle_on(
            session,
            day,
            spent_usd=sum((entry.cost_usd for entry in owned[day]), _ZERO),
            released_usd=sum((entry.released_usd for entry in owned[day]), _ZERO),
        )
