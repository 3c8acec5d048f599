import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.fixtures.pipeline import Pipeline, check_books, check_days
from tests.fixtures.waits import WAIT_S
from whyviral.analysis.models import Stage
from whyviral.analysis.pipeline import RequestJob, lock_current
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall
from whyviral.vendor_calls import circuit_breaker
from whyviral.vendor_calls.ledger import UNPRICED_USD, DayBudgetSpent, Ledger, OwnerBudgetSpent, OwnerSuperseded
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.vendor_calls.money import NOTHING_TO_SPEND, SpendLimits
from whyviral.vendor_calls.settlement import record_calls

CENT, ZERO = Decimal("0.01"), Decimal(0)


@dataclass(slots=True)
class Spender:
    """Makes calls on behalf of requests."""

    pipeline: Pipeline

    def ledger(self, job: RequestJob) -> Ledger:
        return Ledger(
            self.pipeline.engine,
            job,
            Stage.ANALYSING,
            limits=self.pipeline.limits,
            clock=self.pipeline.clock,
            sleep=self.pipeline.clock.advance,
        )

    def intent(self, most_usd: Decimal | None = CENT, **fields: Any) -> CallIntent:
        return CallIntent("gemini", "POST /x", self.pipeline.clock(), most_usd=most_usd, **fields)

    def write(self, job: RequestJob, ledger: Ledger) -> None:
        with session_scope(self.pipeline.engine) as session:
            record_calls(session, job, ledger.drain(), step=Stage.ANALYSING)

    def reserved(self, job: RequestJob) -> Decimal:
        return self.pipeline.read(job).reserved_usd

    def row(self, job: RequestJob) -> ExternalApiCallLog:
        (row,) = self.pipeline.calls(job)
        return row


def ended(intent: CallIntent, cost_usd: Decimal | None, **fields: Any) -> ExternalCall:
    return ExternalCall(
        intent.provider, intent.operation, intent.started_at, 12, 200, cost_usd=cost_usd, id=intent.id, **fields
    )


@pytest.fixture
def spender(pipeline: Pipeline) -> Spender:
    return Spender(pipeline)


def limit(pipeline: Pipeline, *, request: str = "5", day: str = "100") -> None:
    pipeline.limits = SpendLimits(per_request_usd=Decimal(request), per_day_usd=Decimal(day))


def test_a_call_is_logged_and_reserved_before_it_is_made(spender: Spender) -> None:
    job = spender.pipeline.admit("20")

    spender.ledger(job).begin(intent := spender.intent(model="gemini-9"))

    row = spender.row(job)
    assert (row.id, row.created_at, row.started_at) == (intent.id, intent.started_at, intent.started_at)
    assert (row.provider, row.operation, row.model, row.step, row.attempt) == (
        "gemini",
        "POST /x",
        "gemini-9",
        Stage.ANALYSING,
        1,
    )
    assert (row.duration_ms, row.status, row.cost_usd, row.reserved_usd) == (None, None, None, CENT)
    assert (check_books(spender.pipeline, job), spender.reserved(job), check_days(spender.pipeline)) == (
        ZERO,
        CENT,
        ZERO,
    )


@pytest.mark.parametrize("cost_usd", [Decimal(0), Decimal("0.004"), CENT, Decimal("0.5")])
def test_recording_a_call_completes_its_row_and_replaces_its_reservation(spender: Spender, cost_usd: Decimal) -> None:
    job = spender.pipeline.admit("20")
    ledger = spender.ledger(job)
    ledger.begin(intent := spender.intent())
    ledger.record(ended(intent, cost_usd, input_tokens=3, output_tokens=4, model="gemini-9"))

    spender.write(job, ledger)

    row = spender.row(job)
    assert (row.duration_ms, row.status, row.cost_usd, row.reserved_usd) == (12, 200, cost_usd, CENT)
    assert (row.input_tokens, row.output_tokens, row.model) == (3, 4, "gemini-9")
    assert (check_books(spender.pipeline, job), spender.reserved(job), check_days(spender.pipeline)) == (
        cost_usd,
        ZERO,
        cost_usd,
    )


def test_the_reservation_of_a_call_without_a_known_cost_stays(spender: Spender) -> None:
    job = spender.pipeline.admit("20")
    ledger = spender.ledger(job)
    ledger.begin(intent := spender.intent(None))
    ledger.record(ended(intent, None))

    spender.write(job, ledger)

    row = spender.row(job)
    assert (row.duration_ms, row.cost_usd, row.reserved_usd) == (12, None, UNPRICED_USD)
    assert (check_books(spender.pipeline, job), spender.reserved(job), check_days(spender.pipeline)) == (
        ZERO,
        UNPRICED_USD,
        ZERO,
    )


def test_a_free_call_is_logged_after_it_has_ended(spender: Spender) -> None:
    job = spender.pipeline.admit("20")
    ledger = spender.ledger(job)
    ledger.begin(intent := spender.intent(Decimal(0)))
    assert spender.pipeline.calls(job) == []
    ledger.record(ended(intent, Decimal(0)))

    spender.write(job, ledger)

    row = spender.row(job)
    assert (row.id, row.step, row.reserved_usd, row.cost_usd) == (intent.id, Stage.ANALYSING, None, ZERO)
    assert check_books(spender.pipeline, job) == 0


@pytest.mark.parametrize(("most", "is_allowed"), [("0.029999", True), ("0.03", True), ("0.030001", False)])
def test_a_call_that_could_exceed_the_budget_of_its_request_is_refused(
    spender: Spender, most: str, is_allowed: bool
) -> None:
    limit(spender.pipeline, request="0.06")
    job = spender.pipeline.admit("20")
    ledger = spender.ledger(job)
    ledger.begin(spent := spender.intent(CENT))
    ledger.record(ended(spent, CENT))
    spender.write(job, ledger)
    ledger.begin(spender.intent(2 * CENT))  # still under way
    before = spender.pipeline.everything(job)

    if is_allowed:
        ledger.begin(spender.intent(Decimal(most)))
    else:
        with pytest.raises(OwnerBudgetSpent) as refusal:
            ledger.begin(spender.intent(Decimal(most)))

        assert (refusal.value.is_transient, refusal.value.retry_after_s) == (False, None)
        assert spender.pipeline.everything(job) == before
    check_books(spender.pipeline, job)
    check_days(spender.pipeline)


@pytest.mark.parametrize(("most", "is_allowed"), [("0.029999", True), ("0.03", True), ("0.030001", False)])
def test_a_call_that_could_exceed_the_budget_of_the_day_is_refused(
    spender: Spender, most: str, is_allowed: bool
) -> None:
    limit(spender.pipeline, day="0.06")
    others, job = spender.pipeline.admit("20"), spender.pipeline.admit("21")
    ledger = spender.ledger(others)
    ledger.begin(spent := spender.intent(CENT))
    ledger.record(ended(spent, CENT))
    spender.write(others, ledger)
    ledger.begin(spender.intent(2 * CENT))  # still under way

    if is_allowed:
        spender.ledger(job).begin(spender.intent(Decimal(most)))
    else:
        with pytest.raises(DayBudgetSpent) as refusal:
            spender.ledger(job).begin(spender.intent(Decimal(most)))

        assert (refusal.value.is_transient, refusal.value.retry_after_s) == (True, 12 * 3600)
        assert (len(spender.pipeline.calls(job)), spender.reserved(job)) == (0, ZERO)
    check_books(spender.pipeline, job)
    check_days(spender.pipeline)


def test_a_call_above_the_daily_budget_is_refused_on_a_day_without_calls(spender: Spender) -> None:
    limit(spender.pipeline, day="0.009999")
    job = spender.pipeline.admit("20")

    with pytest.raises(DayBudgetSpent):
        spender.ledger(job).begin(spender.intent(CENT))

    assert (len(spender.pipeline.calls(job)), spender.reserved(job), check_days(spender.pipeline)) == (0, ZERO, ZERO)


def test_the_cost_of_a_call_counts_on_the_day_on_which_it_started(spender: Spender) -> None:
    limit(spender.pipeline, day="0.01")
    job = spender.pipeline.admit("20")
    ledger = spender.ledger(job)
    spender.pipeline.clock.now = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)
    ledger.begin(intent := spender.intent(CENT))
    spender.pipeline.clock.advance(2)
    ledger.begin(spender.intent(CENT))  # reserved from the next day's budget
    ledger.record(ended(intent, CENT))

    spender.write(job, ledger)

    assert check_days(spender.pipeline) == CENT


def test_a_superseded_attempt_makes_no_further_calls(spender: Spender) -> None:
    job = spender.pipeline.admit("20")
    spender.pipeline.supersede(job)

    with pytest.raises(OwnerSuperseded):
        spender.ledger(job).begin(spender.intent())
    spender.ledger(job).begin(spender.intent(Decimal(0)))

    assert spender.pipeline.calls(job) == []


def test_a_ledger_without_a_budget_allows_free_calls_only(spender: Spender) -> None:
    spender.pipeline.limits = NOTHING_TO_SPEND
    job = spender.pipeline.admit("20")

    spender.ledger(job).begin(spender.intent(Decimal(0)))
    with pytest.raises(OwnerBudgetSpent):
        spender.ledger(job).begin(spender.intent(Decimal("0.000001")))


def test_a_throttled_call_leaves_no_row_and_no_reservation(spender: Spender, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, now: datetime) -> float:
        raise ProviderError("Not now.", provider="gemini", category=ErrorCategory.TIMEOUT)

    monkeypatch.setattr(
        circuit_breaker, "acquire", refuse
    )  # a module of plain functions can only be replaced by patching
    job = spender.pipeline.admit("20")

    with pytest.raises(ProviderError, match="Not now"):
        spender.ledger(job).begin(spender.intent())

    assert (len(spender.pipeline.calls(job)), spender.reserved(job), check_days(spender.pipeline)) == (0, ZERO, ZERO)


def test_a_ledger_waits_for_its_slot_and_reports_the_outcome(spender: Spender, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[tuple[CallIntent, ExternalCall, float | None]] = []
    monkeypatch.setattr(circuit_breaker, "acquire", lambda *_, **__: 7.5)  # patched for the same reason
    monkeypatch.setattr(
        circuit_breaker,
        "report",
        lambda _session, intent, call, **more: reported.append((intent, call, more["retry_after_s"])),
    )
    job = spender.pipeline.admit("20")
    ledger = spender.ledger(job)
    before = spender.pipeline.clock()
    ledger.begin(intent := spender.intent(Decimal(0), key_hash="abc"))

    assert spender.pipeline.clock() == before + timedelta(seconds=7.5)

    ledger.record(call := ended(intent, Decimal(0)), retry_after_s=3)

    assert reported == [(intent, call, 3)]


def test_a_failed_report_to_the_circuit_breaker_does_not_lose_the_call(
    spender: Spender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("update provider_limits", {}, Exception("canceling statement"))

    monkeypatch.setattr(
        circuit_breaker, "report", fail
    )  # in production: a row locked for longer than the statement timeout of 8 s
    job = spender.pipeline.admit("20")
    ledger = spender.ledger(job)
    ledger.begin(intent := spender.intent(CENT, key_hash="abc"))

    ledger.record(ended(intent, CENT))
    spender.write(job, ledger)

    assert spender.row(job).cost_usd == CENT
    check_books(spender.pipeline, job)


def test_a_job_is_billed_once_to_the_request_that_started_it(spender: Spender) -> None:
    first, second = spender.pipeline.admit("20"), spender.pipeline.admit("21")
    begin(spender, first, "sd_1", 3 * CENT)

    deliver(spender, second, "sd_1", 2 * CENT)
    deliver(spender, first, "sd_1", 2 * CENT)

    assert (check_books(spender.pipeline, first), spender.reserved(first)) == (2 * CENT, ZERO)
    assert (check_books(spender.pipeline, second), spender.reserved(second)) == (ZERO, ZERO)
    assert check_days(spender.pipeline) == 2 * CENT


def test_a_jobs_reservation_stays_until_its_delivery_which_no_budget_refuses(spender: Spender) -> None:
    limit(spender.pipeline, request="0.03", day="0.03")
    job = spender.pipeline.admit("20")
    begin(spender, job, "sd_1", 3 * CENT)
    spender.pipeline.clock.advance(24 * 3600)

    with pytest.raises(OwnerBudgetSpent):
        spender.ledger(job).begin(spender.intent(CENT))
    deliver(spender, job, "sd_1", 3 * CENT)

    assert (check_books(spender.pipeline, job), check_days(spender.pipeline)) == (3 * CENT, 3 * CENT)


def test_a_job_without_a_logged_start_is_billed_to_the_request_that_sees_its_end(spender: Spender) -> None:
    job = spender.pipeline.admit("20")

    deliver(spender, job, "sd_1", CENT)

    assert (check_books(spender.pipeline, job), check_days(spender.pipeline)) == (CENT, CENT)


def begin(spender: Spender, job: RequestJob, job_id: str, most_usd: Decimal) -> None:
    ledger = spender.ledger(job)
    ledger.begin(intent := spender.intent(most_usd))
    ledger.record(ended(intent, None, job_id=job_id))
    spender.write(job, ledger)


def deliver(spender: Spender, job: RequestJob, job_id: str, cost_usd: Decimal) -> None:
    ledger = spender.ledger(job)
    ledger.begin(intent := spender.intent(Decimal(0)))
    ledger.record(ended(intent, cost_usd, job_id=job_id))
    spender.write(job, ledger)


def at_once(works: list[Callable[[], None]]) -> None:
    start = threading.Barrier(len(works))

    def do(work: Callable[[], None]) -> None:
        start.wait(WAIT_S)
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(do, works))


@pytest.mark.parametrize(("request_usd", "day_usd"), [("0.05", "100"), ("5", "0.12")])
def test_concurrent_calls_never_exceed_a_budget(spender: Spender, request_usd: str, day_usd: str) -> None:
    limit(spender.pipeline, request=request_usd, day=day_usd)
    jobs = [spender.pipeline.admit(str(number)) for number in range(101, 105)]
    refused: list[uuid.UUID] = []

    def call(job: RequestJob) -> None:
        ledger = spender.ledger(job)
        try:
            ledger.begin(intent := spender.intent(CENT))
        except (OwnerBudgetSpent, DayBudgetSpent):
            refused.append(job.request_id)
            return
        ledger.record(ended(intent, CENT))
        with session_scope(spender.pipeline.engine) as session:
            record_calls(session, job, ledger.drain(), step=Stage.ANALYSING)
            lock_current(session, job)  # as every stage does before it saves

    at_once([lambda job=job: call(job) for job in jobs for _ in range(8)])  # type: ignore[misc]

    allowed = min(4 * int(Decimal(request_usd) / CENT), int(Decimal(day_usd) / CENT), 32)
    assert sum(check_books(spender.pipeline, job) for job in jobs) == check_days(spender.pipeline) == allowed * CENT
    assert len(refused) == 32 - allowed


def test_jobs_delivered_concurrently_by_each_others_requests_are_billed_once(spender: Spender) -> None:
    jobs = [spender.pipeline.admit(str(number)) for number in range(101, 107)]
    for number, job in enumerate(jobs):
        begin(spender, job, f"sd_{number}", CENT)

    at_once(
        [
            lambda job=job, number=number: deliver(spender, job, f"sd_{number}", CENT)  # type: ignore[misc]
            for number in range(len(jobs))
            for job in (jobs[number - 1], jobs[number - 2])
        ]
    )

    assert [(check_books(spender.pipeline, job), spender.reserved(job)) for job in jobs] == [(CENT, ZERO)] * len(jobs)
    assert check_days(spender.pipeline) == len(jobs) * CENT
