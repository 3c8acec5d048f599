"""Checks the definition by itself; tests/template/ checks that it agrees with template.yaml."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from functions.transcribe.job_runner import QueuedJob
from tests.statemachine.conftest import ROOT, State, states_of
from whyviral.analysis.creators.baseline_fetcher import BaselineJob
from whyviral.analysis.models import Stage
from whyviral.analysis.pipeline import CollectResult, Outcome, PostJob, RequestJob
from whyviral.analysis.post_explainer import ExplainJob
from whyviral.analysis.post_fetcher import FetchJob, FetchResult

FAILURE = {"stage", "error", "cause"}
CAUSE = "{% $type($states.errorOutput.Cause) = 'string' ? $substring($states.errorOutput.Cause, 0, 4096) : '' %}"
"""Some errors have no cause, or null, and an expression that fails would itself be an error."""
JOBS: dict[str, set[str]] = {
    "FetchPosts": set(FetchJob.model_fields),
    "FetchBaselines": set(BaselineJob.model_fields) | {"step"},
    "CollectMediaOfPost": set(PostJob.model_fields),
    "AnalysePost": set(ExplainJob.model_fields),
    "NoteUnwatchedMedia": set(RequestJob.model_fields) | FAILURE | {"goes_on"},
    "FinishRequest": set(RequestJob.model_fields),
    "FailRequest": set(RequestJob.model_fields) | FAILURE,
    "FailUncollectedPost": set(PostJob.model_fields) | FAILURE,
    "FailUnanalysedPost": set(PostJob.model_fields) | FAILURE,
}
# Source: AWS Step Functions, "Handling errors in Step Functions workflows" and "Handle transient Lambda exceptions".
PAID = {"FetchPosts", "FetchBaselines", "AnalysePost"}
TRANSIENT = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
}
THROTTLED = {"Lambda.TooManyRequestsException"}
AWS_ERRORS = {"States.ALL"} | TRANSIENT | THROTTLED
# Source: AWS Step Functions, "Run Amazon ECS or Fargate tasks": AmazonECS.Unknown means failures in RunTask's answer.
# The other names are `<service>.<class of AWS's SDK for Java>`; the prefix is ECS, and Ecs matches nothing
# (wellcomecollection/catalogue-pipeline#3554, 2026-08-10). ECS.AmazonECSException is also what a lack of memory or
# capacity has been seen as (CloudSnorkel/cdk-github-runners#341).
NO_CAPACITY = {"ECS.AmazonECSException", "AmazonECS.Unknown"}
REFUSALS = {
    "ecs": NO_CAPACITY | {"ECS.SdkClientException", "ECS.ServerException"},
    "sqs": {"SQS.AmazonSQSException", "SQS.SdkClientException"},
    # After a time-out of the client the event may be queued, so that the worker starts.
    "lambda": (TRANSIENT | THROTTLED) - {"Lambda.ClientExecutionTimeoutException"},
}
TOO_LATE = {"States.HeartbeatTimeout", "States.Timeout"}
"""AWS's error names for a missed heartbeat and for a missing result. moto uses the second name for both."""
WORKERS = {"ProcessMedia": "ecs", "ProcessMediaWarm": "sqs", "ProcessShortMedia": "lambda"}


@pytest.fixture(scope="module")
def states(definition: State) -> dict[str, State]:
    return dict(states_of(definition))


@pytest.fixture(scope="module")
def calls(states: dict[str, State]) -> dict[str, State]:
    """The states that invoke a function."""
    return {name: state for name, state in states.items() if state.get("Resource") == "arn:aws:states:::lambda:invoke"}


def followers(state: State) -> Iterator[str]:
    """Yield the states that may follow a state, including those that follow a failure."""
    for path in (state, *state.get("Catch", ()), *state.get("Choices", ())):
        if "Next" in path:
            yield path["Next"]
    if "Default" in state:
        yield state["Default"]


def own_classes() -> set[str]:
    files = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers" / "common" / "whyviral").rglob("*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def expressions(value: Any) -> Iterator[str]:
    """Yield every JSONata expression in a part of the definition."""
    if isinstance(value, str) and value.startswith("{%"):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from expressions(inner)


def test_the_whole_definition_is_jsonata_and_has_an_end(definition: State) -> None:
    assert (definition["QueryLanguage"], definition["TimeoutSeconds"]) == ("JSONata", 1800)
    assert all("QueryLanguage" not in state for _, state in states_of(definition))


def test_every_choice_has_a_default(states: dict[str, State]) -> None:
    choices = {name: state for name, state in states.items() if state["Type"] == "Choice"}

    assert choices
    assert [name for name, state in choices.items() if "Default" not in state] == []


def test_every_error_name_is_one_of_aws_or_of_our_classes(states: dict[str, State]) -> None:
    rules = [rule for state in states.values() for rule in (*state.get("Retry", ()), *state.get("Catch", ()))]
    named = {error for rule in rules for error in rule["ErrorEquals"]}

    assert named - AWS_ERRORS - TOO_LATE - set().union(*REFUSALS.values()) <= own_classes()


def retriers(state: State) -> dict[str, State]:
    """Return the retrier of each error name. A name has only one, because Step Functions uses the first."""
    pairs = [(error, retrier) for retrier in state["Retry"] for error in retrier["ErrorEquals"]]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_every_task_is_retried_a_few_times_with_bounded_jittered_pauses(states: dict[str, State]) -> None:
    for name, state in states.items():
        for error, retrier in retriers(state).items() if state["Type"] == "Task" else ():
            if error not in NO_CAPACITY:
                assert retrier["JitterStrategy"] == "FULL", name
                assert retrier["MaxAttempts"] <= (5 if error in THROTTLED else 2), name
                assert retrier["MaxDelaySeconds"] <= (8 if error in THROTTLED else 4), name


def test_only_errors_of_aws_are_retried(calls: dict[str, State]) -> None:
    for name, state in calls.items():
        # After a time-out of the client the function may still be running, so stages with paid calls are not retried.
        not_retried = {"Lambda.ClientExecutionTimeoutException"} if name in PAID else set()
        assert retriers(state).keys() == (TRANSIENT | THROTTLED) - not_retried, name


def test_throttling_has_its_own_retrier_and_count(calls: dict[str, State]) -> None:
    for name, state in calls.items():
        retrier = retriers(state)["Lambda.TooManyRequestsException"]
        assert retrier["ErrorEquals"] == ["Lambda.TooManyRequestsException"], name
        # Many posts of one request compete for a small quota; the other states run once.
        attempts = 5 if name in {"CollectMediaOfPost", "AnalysePost"} else 3
        assert (retrier["IntervalSeconds"], retrier["BackoffRate"], retrier["MaxAttempts"]) == (1, 2, attempts), name


def test_a_start_refused_for_lack_of_capacity_is_retried_five_times_every_five_seconds(
    states: dict[str, State],
) -> None:
    by_error = retriers(states["ProcessMedia"])

    for error in NO_CAPACITY:
        retrier = dict(by_error[error])
        assert set(retrier.pop("ErrorEquals")) == NO_CAPACITY
        assert retrier == {"IntervalSeconds": 5, "MaxAttempts": 5, "BackoffRate": 1}


@pytest.mark.parametrize(("name", "service"), WORKERS.items())
def test_a_worker_that_was_started_is_never_started_again(states: dict[str, State], name: str, service: str) -> None:
    assert retriers(states[name]).keys() == REFUSALS[service]


def test_the_concurrency_of_every_map_is_a_parameter_of_the_stack(definition: State) -> None:
    maps = {name: state for name, state in definition["States"].items() if state["Type"] == "Map"}

    assert maps.keys() == {"CollectMedia", "AnalysePosts"}
    assert {state["MaxConcurrency"] for state in maps.values()} == {"{% $number('${MapConcurrency}') %}"}


@pytest.mark.parametrize("name", WORKERS)
def test_the_posts_are_analysed_after_any_failure_of_a_worker(states: dict[str, State], name: str) -> None:
    too_late, everything = states[name]["Catch"]

    assert (set(too_late["ErrorEquals"]), everything["ErrorEquals"]) == (TOO_LATE, ["States.ALL"])
    for catch in (too_late, everything):
        assert catch["Next"] == "NoteUnwatchedMedia"
        error = {"error": "{% $states.errorOutput.Error %}", "cause": CAUSE}
        assert catch["Output"] == {"posts": "{% $states.input.posts %}"} | error
    assert states["NoteUnwatchedMedia"]["Next"] == states[name]["Next"] == "CheckProcessedMedia"
    assert states["CheckProcessedMedia"]["Default"] == "AnalysePosts"


def test_all_kinds_of_workers_get_the_same_arguments_and_time(states: dict[str, State]) -> None:
    task, warm, function = (states[name] for name in WORKERS)
    (container,) = task["Arguments"]["Overrides"]["ContainerOverrides"]
    received = {variable["Name"].lower(): variable["Value"] for variable in container["Environment"]}
    job = warm["Arguments"]["MessageBody"]

    assert received == job | {"attempt": job["attempt"].replace("{% ", "{% $string(").replace(" %}", ") %}")}
    assert received.keys() == QueuedJob.model_fields.keys()
    assert function["Arguments"]["Payload"] == job
    assert len({(state["HeartbeatSeconds"], state["TimeoutSeconds"]) for state in (task, warm, function)}) == 1


def test_a_function_that_processes_media_is_invoked_without_waiting_for_its_end(states: dict[str, State]) -> None:
    # Its failure is reported by its destination, with the token; the invocation itself ends at once.
    assert states["ProcessShortMedia"]["Resource"] == "arn:aws:states:::lambda:invoke.waitForTaskToken"
    assert states["ProcessShortMedia"]["Arguments"]["InvocationType"] == "Event"


def test_tasks_are_placed_by_capacity_provider_and_never_by_launch_type(states: dict[str, State]) -> None:
    arguments = states["ProcessMedia"]["Arguments"]

    assert arguments["CapacityProviderStrategy"] == [{"CapacityProvider": "${CapacityProvider}", "Weight": 1}]
    assert "LaunchType" not in repr(states)


def test_every_stage_that_can_fail_leads_to_fail_request(definition: State) -> None:
    for name, state in definition["States"].items():
        if state["Type"] in {"Task", "Map"} and name not in {"FailRequest", "FetchBaselines", *WORKERS}:
            (catch,) = state["Catch"]
            assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "FailRequest"), name
            assert catch["Output"].keys() == FAILURE, name
            assert catch["Output"]["cause"] == CAUSE, name


def test_no_failure_of_a_comparison_fails_the_request(states: dict[str, State]) -> None:
    (catch,) = states["FetchBaselines"]["Catch"]

    assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "CheckForMedia")
    assert catch["Output"].keys() == {"posts", "needs_worker", "is_short"}


def test_the_failure_of_a_post_is_recorded_inside_its_map(definition: State) -> None:
    maps = [state for state in definition["States"].values() if state["Type"] == "Map"]

    for state in maps:
        inner = state["ItemProcessor"]["States"]
        breakable = {name: each for name, each in inner.items() if each["Type"] == "Task" and "Fail" not in name}
        assert breakable
        for name, each in breakable.items():
            (catch,) = each["Catch"]
            assert catch["ErrorEquals"] == ["States.ALL"], name
            assert (catch["Output"].keys(), catch["Output"]["cause"]) == (
                {"request_post_id", "error", "cause"},
                CAUSE,
            ), name
            assert inner[catch["Next"]]["Arguments"]["FunctionName"] == "${FailFunctionArn}", name


def test_a_failure_ends_in_the_state_that_fails_the_execution_and_nowhere_else(definition: State) -> None:
    states = definition["States"]

    assert set(followers(states["FailRequest"])) == {"AnalysisFailed"}
    assert states["AnalysisFailed"]["Type"] == "Fail"
    assert {name for name, state in states.items() if state["Type"] == "Succeed"} == {"RequestFinished", "Superseded"}
    assert not any(state.get("End") for state in states.values())


def test_functions_receive_exactly_the_fields_of_their_jobs_and_the_trace(calls: dict[str, State]) -> None:
    received = {name: set(state["Arguments"]["Payload"]) for name, state in calls.items()}

    assert received == {name: fields | {"trace_id"} for name, fields in JOBS.items()}


def test_every_stage_and_outcome_that_is_named_exists(states: dict[str, State]) -> None:
    stages = {str(stage) for stage in re.findall(r"'stage': '(\w+)'", repr(states))}
    outcomes = {str(outcome) for outcome in re.findall(r"outcome = '(\w+)'", repr(states))}

    assert stages == {
        Stage.FETCHING_POSTS,
        Stage.COLLECTING_MEDIA,
        Stage.TRANSCRIBING,
        Stage.ANALYSING,
        Stage.ANALYSIS_COMPLETE,
    }
    assert outcomes <= set(Outcome)
    assert {Outcome.WAIT, Outcome.SUPERSEDED, Outcome.COLLECTED, Outcome.FAILED} <= outcomes


def test_the_fields_read_from_answers_are_those_of_the_functions_results(states: dict[str, State]) -> None:
    answers: tuple[type[BaseModel], ...] = (FetchResult, CollectResult)
    known = {name for answer in answers for name in answer.model_fields} | FAILURE
    known |= {"started_at", "result", "is_short"}
    read = {name for expression in expressions(states) for name in re.findall(r"states\.input\.(\w+)", expression)}

    assert read <= known


def test_every_state_is_reachable(definition: State) -> None:
    for part in (
        definition,
        *(state["ItemProcessor"] for _, state in states_of(definition) if "ItemProcessor" in state),
    ):
        reached, ahead = set(), [part["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += followers(part["States"][name])
        assert reached == part["States"].keys()
