"""Runs the deployed state machine through each outcome of its functions."""

import json

import pytest

from tests.statemachine.conftest import Answer, Died, Execution, Machine

HAPPY = ["FetchPosts", "CheckFetchedPosts", "CollectMedia", "CheckTimeToCollect", "CollectMediaOfPost"]
HAPPY += [
    "CheckCollectedPosts",
    "CheckForMedia",
    "AnalysePosts",
    "StartPost",
    "CheckTimeToAnalyse",
    "AnalysePost",
    "CheckAnalysedPost",
]
HAPPY += ["PostAnalysed", "FinishRequest", "CheckOutcome", "RequestFinished"]
LARGEST_STATE_BYTES = 16 * 1024


def outcome(execution: Execution) -> tuple[str, str | None]:
    return execution.status, execution.error


def test_a_request_passes_through_every_stage(machine: Machine) -> None:
    execution = machine.run()

    assert execution.states == HAPPY
    assert outcome(execution) == ("SUCCEEDED", None)


def test_the_functions_receive_only_ids_and_times(machine: Machine) -> None:
    execution = machine.run()

    received = {name: event.keys() for name, event in execution.script.calls}
    assert received == {
        "ScrapeFunction": {"request_id", "attempt", "trace_id", "started_at"},
        "MediaFunction": {"request_id", "attempt", "trace_id", "request_post_id"},
        "AnalyzeFunction": {"request_id", "attempt", "trace_id", "request_post_id", "started_at"},
        "FinishFunction": {"request_id", "attempt", "trace_id"},
    }
    assert len({event["request_id"] for _, event in execution.script.calls}) == 1
    assert {event["trace_id"] for _, event in execution.script.calls} == {"call-1"}


def test_an_execution_that_was_started_without_a_trace_is_traced_by_its_name(machine: Machine) -> None:
    execution = machine.run(trace_id=None)

    assert execution.status == "SUCCEEDED"
    assert {event["trace_id"] for _, event in execution.script.calls} == {f"{execution.request_id}-1"}


def test_a_superseded_attempt_ends_without_an_error(machine: Machine) -> None:
    execution = machine.run({"Scrape": [{"outcome": "superseded", "posts": []}]})

    assert execution.states == ["FetchPosts", "CheckFetchedPosts", "Superseded"]
    assert outcome(execution) == ("SUCCEEDED", None)


def test_an_attempt_that_is_superseded_later_ends_without_an_error(machine: Machine) -> None:
    gone: Answer = {"outcome": "superseded"}
    started = [
        machine.start({"Media": [{"outcome": "superseded", "request_post_id": "post-1"}], "Finish": [gone]}),
        machine.start({"Analyze": [{"outcome": "superseded", "request_post_id": "post-1"}], "Finish": [gone]}),
    ]

    executions = [machine.finish(each) for each in started]

    assert [outcome(execution) for execution in executions] == [("SUCCEEDED", None)] * 2
    assert [execution.functions for execution in executions] == [
        ["Scrape", "Media", "Finish"],
        ["Scrape", "Media", "Analyze", "Finish"],
    ]


@pytest.mark.parametrize("stage", ["Scrape", "Media"])
def test_a_request_without_a_readable_post_is_finished(machine: Machine, stage: str) -> None:
    unsupported: Answer = {"outcome": "failed", "request_post_id": "post-1"}
    nothing: dict[str, list[Answer]] = {"Scrape": [{"outcome": "fetched", "posts": []}], "Media": [unsupported]}

    execution = machine.run({stage: nothing[stage], "Finish": [{"outcome": "no_result"}]})

    assert "Analyze" not in execution.functions
    assert execution.states[-3:] == ["FinishRequest", "CheckOutcome", "RequestFinished"]


@pytest.mark.parametrize(
    ("finished", "ends"),
    [
        ("completed", ("SUCCEEDED", None)),
        ("no_result", ("SUCCEEDED", None)),
        ("superseded", ("SUCCEEDED", None)),
        ("failed", ("FAILED", "AnalysisFailed")),
    ],
)
def test_only_a_cause_on_our_side_fails_the_execution(
    machine: Machine, finished: str, ends: tuple[str, str | None]
) -> None:
    assert outcome(machine.run({"Finish": [{"outcome": finished}]})) == ends


@pytest.mark.parametrize(("function", "stage"), [("Media", "collecting_media"), ("Analyze", "analysing")])
def test_a_failed_post_does_not_stop_the_other_posts(machine: Machine, function: str, stage: str) -> None:
    posts = ["post-1", "post-2", "post-3"]

    execution = machine.run({f"{function} post-2": [Died("Sandbox.Timedout")]}, posts=posts)

    assert execution.failures == [("post-2", stage, "Sandbox.Timedout")]
    analysed = {event["request_post_id"] for event in execution.script.events("AnalyzeFunction")}
    assert analysed == ({"post-1", "post-3"} if function == "Media" else set(posts))
    assert execution.states[-3:] == ["FinishRequest", "CheckOutcome", "RequestFinished"]


@pytest.mark.parametrize("error", ["Sandbox.Timedout", "LookupError"])
@pytest.mark.parametrize(("function", "stage"), [("Scrape", "fetching_posts"), ("Finish", "analysis_complete")])
def test_a_crashed_function_fails_the_request_at_its_stage(
    machine: Machine, function: str, stage: str, error: str
) -> None:
    execution = machine.run({function: [Died(error)]})

    assert execution.failures == [(None, stage, error)]
    assert execution.functions.count(function) == 1
    (received,) = execution.script.events("FailFunction")
    assert json.loads(received["cause"]) == {"errorType": error, "errorMessage": "said the test"}
    assert execution.states[-2:] == ["FailRequest", "AnalysisFailed"]
    assert outcome(execution) == ("FAILED", "AnalysisFailed")


@pytest.mark.parametrize(("function", "stage"), [("Media", "collecting_media"), ("Analyze", "analysing")])
def test_a_post_whose_failure_cannot_be_recorded_fails_the_request_at_its_stage(
    machine: Machine, function: str, stage: str
) -> None:
    execution = machine.run({function: [Died()], "Fail post-1": [Died("Sandbox.Timedout")]})

    assert execution.failures == [("post-1", stage, "Runtime.ExitError"), (None, stage, "Sandbox.Timedout")]
    assert outcome(execution) == ("FAILED", "AnalysisFailed")


def test_a_failure_that_cannot_be_recorded_still_ends_the_execution(machine: Machine) -> None:
    execution = machine.run({"Scrape": [Died()], "Fail": [Died()]})

    assert execution.states[-2:] == ["FailRequest", "AnalysisFailed"]
    assert outcome(execution) == ("FAILED", "AnalysisFailed")


@pytest.mark.parametrize("answer", [{}, {"outcome": "fetched", "posts": None}, None, "fetched"])
def test_an_answer_without_posts_is_never_analysed(machine: Machine, answer: Answer) -> None:
    execution = machine.run({"Scrape": [answer]})

    assert "Analyze" not in execution.functions


def test_the_states_of_fifty_posts_are_small(machine: Machine) -> None:
    posts = [f"00000000-0000-4000-8000-{number:012}" for number in range(50)]

    execution = machine.run(posts=posts, videos=posts)

    sizes = [
        len(details.get("input", "") + details.get("output", ""))
        for event in execution.history
        for details in event.values()
        if isinstance(details, dict)
    ]
    assert sorted(event["request_post_id"] for event in execution.script.events("AnalyzeFunction")) == posts
    assert "CheckProcessedMedia" in execution.states
    assert max(sizes) < LARGEST_STATE_BYTES
    assert outcome(execution) == ("SUCCEEDED", None)
