"""Calls to vendors are measured, and belong to the trace of their cause."""

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from tests.fakes.written_metrics import Value, metrics_in
from tests.fixtures.pipeline import Pipeline
from whyviral.analysis.models import Stage
from whyviral.analysis.pipeline import RequestJob
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.core.telemetry import trace
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall
from whyviral.vendor_calls.ledger import Ledger, OwnerBudgetSpent
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.settlement import record_calls

CENT = Decimal("0.01")


def begin(pipeline: Pipeline, ledger: Ledger) -> CallIntent:
    intent = CallIntent("gemini", "POST /x", pipeline.clock(), most_usd=CENT)
    ledger.begin(intent)
    return intent


def ledger_of(pipeline: Pipeline, job: RequestJob) -> Ledger:
    return Ledger(pipeline.engine, job, Stage.ANALYSING, limits=pipeline.limits, clock=pipeline.clock)


def test_a_call_is_measured_once_with_its_tokens_and_cost_when_it_is_saved(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    job = pipeline.admit("20")
    ledger = ledger_of(pipeline, job)
    with trace.bound("call-1"):
        intent = begin(pipeline, ledger)
        ledger.record(
            ExternalCall(
                *("gemini", "POST /x", intent.started_at, 12, 200),
                cost_usd=CENT,
                id=intent.id,
                input_tokens=300,
                output_tokens=20,
            )
        )
        calls = ledger.drain()
        capsys.readouterr()
        with Session(pipeline.engine) as session:
            record_calls(session, job, calls, step=Stage.ANALYSING)
            session.rollback()
        assert metrics_in(capsys.readouterr().out) == []
        with session_scope(pipeline.engine) as session:
            record_calls(session, job, calls, step=Stage.ANALYSING)

    provider = ("Provider", "gemini")
    assert metrics_in(capsys.readouterr().out) == [
        Value("CostUsd", 0.01, (provider,)),
        Value("VendorCalls", 1, (provider, ("Outcome", "ok"))),
        Value("VendorDuration", 12, (provider,)),
        Value("ModelTokens", 300, (("Direction", "input"),)),
        Value("ModelTokens", 20, (("Direction", "output"),)),
    ]
    (row,) = pipeline.calls(job)
    assert row.trace_id == "call-1"


@pytest.mark.parametrize(
    ("category", "outcome"), [(ErrorCategory.RATE_LIMIT, "throttled"), (ErrorCategory.TIMEOUT, "failed")]
)
def test_a_failed_call_is_counted_by_what_the_vendor_did(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], category: ErrorCategory, outcome: str
) -> None:
    job = pipeline.admit("20")
    call = ExternalCall("brightdata", "GET /x", pipeline.clock(), 12, None, error_category=category)

    with session_scope(pipeline.engine) as session:
        record_calls(session, job, [call], step=Stage.FETCHING_POSTS)

    expected = Value("VendorCalls", 1, (("Provider", "brightdata"), ("Outcome", outcome)))
    assert expected in metrics_in(capsys.readouterr().out)


def test_a_call_that_a_budget_refuses_is_counted(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.limits = SpendLimits(per_request_usd=Decimal("0.001"), per_day_usd=Decimal(100))

    with pytest.raises(OwnerBudgetSpent):
        begin(pipeline, ledger_of(pipeline, pipeline.admit("20")))

    assert metrics_in(capsys.readouterr().out) == [Value("Refusals", 1, (("Reason", "owner_budget_spent"),))]


def test_the_end_of_a_request_is_counted_once(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.source.absent = {"404"}
    job, posts = pipeline.collected("20", "404")
    for post in posts:
        pipeline.explain(job, post)
    capsys.readouterr()

    pipeline.finish(job)
    ended = metrics_in(capsys.readouterr().out)
    pipeline.finish(job)

    assert Value("AnalysesEnded", 1, (("Platform", "x"), ("Outcome", "partial"))) in ended
    assert Value("AnalysisErrors", 1, (("Category", "not_found"),)) in ended
    assert metrics_in(capsys.readouterr().out) == []
