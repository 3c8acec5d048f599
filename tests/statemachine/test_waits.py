"""Runs the parts of the deployed state machine that wait; all these executions run in parallel."""

import json
from itertools import product

import pytest

from tests.statemachine.conftest import Answer, Died, Execution, Machine, Refused, Slow

TASKS = ("Scrape", "Media", "Analyze", "Finish")
AWS_ERRORS = ("TooManyRequestsException", "ServiceException")
PATIENCE: Answer = {"outcome": "wait", "wait_s": 1, "request_post_id": "post-2", "posts": []}
GIVEN_UP = "Lambda.TooManyRequestsException"
LIMITS = {"CheckTimeToCollect": 550_000, "CheckTimeToAnalyse": 1_412_000}
"""Ages of the execution in milliseconds."""


def without_time(machine: Machine, gate: str) -> str:
    """Return the definition with no time left at one of the two states that compare the execution's age."""
    limit = LIMITS[gate]
    assert machine.workflow.definition.count(f"> {limit} %}}") == 1
    return machine.workflow.definition.replace(f"> {limit} %}}", "> -1 %}")


@pytest.fixture(scope="module")
def executions(machine: Machine) -> dict[str, Execution]:
    impatient = json.loads(machine.workflow.definition)
    impatient["States"]["FetchPosts"]["TimeoutSeconds"] = 1
    started = {
        "provider": machine.start({"Scrape": [PATIENCE]}),
        "model": machine.start({"Analyze post-2": [PATIENCE]}, posts=["post-1", "post-2"]),
        "timeout": machine.start({"Scrape": [Slow()]}, definition=json.dumps(impatient)),
        "late media": machine.start(posts=["post-1", "post-2"], definition=without_time(machine, "CheckTimeToCollect")),
        "late model": machine.start(posts=["post-1", "post-2"], definition=without_time(machine, "CheckTimeToAnalyse")),
        "FailRequest": machine.start({"Scrape": [Died()], "Fail": [Refused()]}),
        "FailUnanalysedPost": machine.start({"Analyze": [Died()], "Fail post-1": [Refused()]}),
        "FailUncollectedPost": machine.start({"Media": [Died()], "Fail post-1": [Refused()]}),
    }
    for task, error in product(TASKS, AWS_ERRORS):
        started[f"{task} {error}"] = machine.start({task: [Refused(error)]})
    for task in TASKS:
        started[f"{task} for good"] = machine.start({task: [Refused()] * 6})
    return {name: machine.finish(each) for name, each in started.items()}


def test_waiting_for_a_provider_does_not_reset_the_stages_start_time(executions: dict[str, Execution]) -> None:
    execution = executions["provider"]

    assert execution.states[:4] == ["FetchPosts", "CheckFetchedPosts", "WaitForPosts", "FetchPosts"]
    assert len({event["started_at"] for event in execution.script.events("ScrapeFunction")}) == 1
    assert execution.status == "SUCCEEDED"


def test_waiting_for_the_model_does_not_reset_the_posts_start_time(executions: dict[str, Execution]) -> None:
    execution = executions["model"]

    events = execution.script.events("AnalyzeFunction")
    assert sorted(event["request_post_id"] for event in events) == ["post-1", "post-2", "post-2"]
    assert len({event["started_at"] for event in events if event["request_post_id"] == "post-2"}) == 1
    assert [set(event) for event in events] == [
        {"request_id", "attempt", "trace_id", "request_post_id", "started_at"}
    ] * 3
    assert execution.status == "SUCCEEDED"


def test_a_function_that_takes_too_long_fails_with_a_timeout(executions: dict[str, Execution]) -> None:
    assert executions["timeout"].failures == [(None, "fetching_posts", "States.Timeout")]


@pytest.mark.parametrize("error", AWS_ERRORS)
@pytest.mark.parametrize("task", TASKS)
def test_a_call_that_lambda_refuses_is_retried(executions: dict[str, Execution], task: str, error: str) -> None:
    execution = executions[f"{task} {error}"]

    assert execution.functions.count(task) == 2
    assert (execution.status, execution.failures) == ("SUCCEEDED", [])


@pytest.mark.parametrize("state", ["FailRequest", "FailUncollectedPost", "FailUnanalysedPost"])
def test_recording_a_failure_is_retried_if_lambda_refuses_the_call(
    executions: dict[str, Execution], state: str
) -> None:
    failures = executions[state].failures

    assert len(failures) == 2
    assert failures[0] == failures[1]


@pytest.mark.parametrize(
    ("task", "failures"),
    [
        ("Scrape", (None, "fetching_posts", GIVEN_UP)),
        ("Media", ("post-1", "collecting_media", GIVEN_UP)),
        ("Analyze", ("post-1", "analysing", GIVEN_UP)),
        ("Finish", (None, "analysis_complete", GIVEN_UP)),
    ],
)
def test_a_call_that_lambda_keeps_refusing_fails(
    executions: dict[str, Execution], task: str, failures: tuple[str | None, str, str]
) -> None:
    assert executions[f"{task} for good"].failures == [failures]


def test_a_post_without_time_to_be_collected_is_left_to_finish_request(
    executions: dict[str, Execution],
) -> None:
    execution = executions["late media"]

    assert execution.functions == ["Scrape", "Finish"]
    assert execution.states.count("PostNotCollected") == 2
    assert execution.states[-3:] == ["FinishRequest", "CheckOutcome", "RequestFinished"]


def test_a_post_without_time_to_be_analysed_is_left_to_finish_request(
    executions: dict[str, Execution],
) -> None:
    execution = executions["late model"]

    assert execution.functions == ["Scrape", "Media", "Media", "Finish"]
    assert execution.states.count("PostNotAnalysed") == 2
    assert execution.states[-3:] == ["FinishRequest", "CheckOutcome", "RequestFinished"]
