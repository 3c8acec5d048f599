"""Metrics are lines in the embedded metric format, written once for work that happened once."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.fakes.written_metrics import Value, metrics_in
from whyviral.analysis.models import Stage
from whyviral.analytics.models import EventCategory
from whyviral.core.errors import ErrorCategory
from whyviral.core.telemetry import metrics, trace
from whyviral.core.telemetry.catalogue import (
    ANALYSIS_ERRORS,
    API_REQUESTS,
    CATALOGUE,
    COST_USD,
    EVENTS_STUCK,
    FAULTS,
    OTHER,
    QUEUE_WAIT,
    STAGE_DURATION,
    VENDOR_CALLS,
)
from whyviral.core.telemetry.metrics import UndeclaredDimensions, record, timed
from whyviral.core.telemetry.on_commit import record_on_commit
from whyviral.core.telemetry.requests import route_class
from whyviral.social.platforms import Platform

MOST_SERIES = 170
"""At 0.30 USD a month each, if all of them occur: docs/costs.md."""


@pytest.fixture
def own_namespace() -> Iterator[None]:
    metrics.configure(namespace="whyviral/test")
    yield
    metrics.configure(namespace=metrics.LOCAL_NAMESPACE)


def test_a_value_is_one_line_that_cloudwatch_reads(capsys: pytest.CaptureFixture[str], own_namespace: None) -> None:
    with trace.bound("call-1"):
        record(VENDOR_CALLS, Provider="gemini", Outcome="ok")

    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    (directive,) = document.pop("_aws")["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "whyviral/test",
        "Dimensions": [["Provider", "Outcome"]],
        "Metrics": [{"Name": "VendorCalls", "Unit": "Count"}],
    }
    assert document == {
        "Provider": "gemini",
        "Outcome": "ok",
        "VendorCalls": [1.0],
        "trace_id": "call-1",
        "release": "local",
    }


def test_a_total_is_written_beside_the_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    record(COST_USD, 0.25, Provider="brightdata")

    directive = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"][0]
    assert directive["Dimensions"] == [[], ["Provider"]]


def test_a_value_that_no_set_names_counts_as_other(capsys: pytest.CaptureFixture[str]) -> None:
    record(QUEUE_WAIT, 3, Queue="a queue of tomorrow")

    assert metrics_in(capsys.readouterr().out) == [Value("QueueWait", 3, (("Queue", OTHER),))]


@pytest.mark.parametrize("dimensions", [{}, {"Provider": "gemini", "User": "ada"}])
def test_no_metric_gets_a_dimension_that_the_catalogue_lacks(dimensions: dict[str, str]) -> None:
    with pytest.raises(UndeclaredDimensions, match="Provider"):
        record(COST_USD, 1, **dimensions)


def test_a_transaction_that_is_run_again_counts_once(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    with Session(session.connection(), join_transaction_mode="create_savepoint") as work:
        record_on_commit(work, EVENTS_STUCK, 1)
        work.execute(text("select 1"))
        work.rollback()
        record_on_commit(work, EVENTS_STUCK, 2)
        with work.begin_nested():
            work.execute(text("select 1"))
        assert metrics_in(capsys.readouterr().out) == []
        work.commit()
        work.execute(text("select 1"))
        work.commit()

    assert metrics_in(capsys.readouterr().out) == [Value("EventsStuck", 2, ())]


def test_a_stage_that_raises_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), timed(STAGE_DURATION, Stage="finish"):
        raise ZeroDivisionError

    (value,) = metrics_in(capsys.readouterr().out)
    assert (value.name, value.dimensions) == ("StageDuration", (("Stage", "finish"),))


def test_the_sets_of_values_contain_every_name_of_the_product() -> None:
    assert set(ANALYSIS_ERRORS.dimensions["Category"]) == {*ErrorCategory, OTHER}
    assert set(FAULTS.dimensions["Category"]) == set(EventCategory)
    assert {"transcribing"} <= set(Stage)
    platforms = next(metric for metric in CATALOGUE if metric.name == "AnalysesEnded").dimensions["Platform"]
    assert set(platforms) == {*Platform, OTHER}


def test_metrics_stay_few_and_their_names_are_unique() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
    assert sum(metric.most_series for metric in CATALOGUE) <= MOST_SERIES


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("/api/analysis/requests/{request_id}/", "analysis"),
        ("/api/analysis/chat/sessions/", "chat"),
        ("/api/accounts/me/", "accounts"),
        ("/api/notes/save/", OTHER),
        ("/health/live/", "health"),
        ("/admin/{path:path}", "admin"),
        ("/mcp", "mcp"),
        ("/console/{path:path}", "pages"),
        ("/", "pages"),
        (None, OTHER),
    ],
)
def test_requests_are_counted_by_the_class_of_their_route(route: str | None, name: str) -> None:
    assert route_class(route) == name
    assert name in API_REQUESTS.dimensions["RouteClass"]
