"""The features of moto's interpreter that the pipeline needs, and the defects that local.aws.interpreter patches."""

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any

import boto3
import pytest
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.aws.lambda_service import FunctionNotFound
from local.aws.sandbox import Invocation
from local.aws.template import REGION
from local.aws.workflow import Workflow
from tests.fixtures.waits import WAIT_S, wait_until

STATE = dict[str, Any]
POSTS = ["a", 'b"c', "d"]
INPUT = {"request_id": "0b5f", "attempt": 1, "posts": POSTS}
ROLE = "arn:aws:iam::000000000000:role/test"
INVOKE = "arn:aws:states:::lambda:invoke"

_numbers = count()
_calls: list[Any] = []
_published: list[dict[str, Any]] = []


def invoke(name: str, payload: bytes) -> Invocation:
    """Function `Echo` answers its event, `Fail` fails with the event as errorType, twice; `Slow` takes 1.5 s."""
    event = json.loads(payload)
    _calls.append(event)
    match name:
        case "Echo":
            return Invocation(payload)
        case "Fail":
            if _calls.count(event) > 2:
                return Invocation(b'"recovered"')
            error = {"errorType": event["error"], "errorMessage": 'it said "no"\n'}
            return Invocation(json.dumps(error).encode(), "Unhandled")
        case "Slow":
            time.sleep(1.5)
            return Invocation(b"null")
    raise FunctionNotFound(name)


@pytest.fixture(scope="module")
def workflow() -> Iterator[Workflow]:
    trivial = definition(Only={"Type": "Succeed"})
    with Workflow("Trivial", trivial, invoke, publish=_published.append) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_calls_yet() -> None:
    _calls.clear()
    _published.clear()


def definition(**states: STATE) -> str:
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states})


def call(function: str, payload: object, **fields: Any) -> STATE:
    arguments = {"FunctionName": f"arn:aws:lambda:us-east-1:000000000000:function:{function}", "Payload": payload}
    task = {"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": WAIT_S, "Arguments": arguments} | fields
    return task if "Next" in task else task | {"End": True}


def caught(error: str) -> dict[str, Any]:
    """A Catch that leads to `Caught` with the error, both as input and as a variable."""
    variables = {"cause": "{% $states.errorOutput.Cause %}"}
    return {
        "Catch": [
            {"ErrorEquals": [error], "Assign": variables, "Output": "{% $states.errorOutput %}", "Next": "Caught"}
        ]
    }


CAUGHT: STATE = {
    "Type": "Pass",
    "Output": ["{% $states.input.Error %}", "{% $states.input.Cause = $cause %}"],
    "End": True,
}


def run(workflow: Workflow, event: object = None, /, **states: STATE) -> Any:
    """Return the output of an execution with `event` or INPUT, or [status, error, cause]."""
    client = boto3.client("stepfunctions", endpoint_url=workflow.endpoint_url)
    name = f"test-{next(_numbers)}"
    machine = client.create_state_machine(name=name, definition=definition(**states), roleArn=ROLE)
    execution = client.start_execution(
        stateMachineArn=machine["stateMachineArn"], name=name, input=json.dumps(event or INPUT)
    )["executionArn"]
    wait_until(lambda: client.describe_execution(executionArn=execution)["status"] != "RUNNING")
    answer = client.describe_execution(executionArn=execution)
    client.close()
    if answer["status"] == "SUCCEEDED":
        return json.loads(answer["output"])
    return [answer["status"], answer.get("error"), answer.get("cause")]


def evaluate(workflow: Workflow, expression: str) -> Any:
    return run(workflow, Only={"Type": "Pass", "Output": [f"{{% {expression} %}}"], "End": True})[0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.context.Execution.Input.request_id", "0b5f"),
        ("$states.context.Execution.Input", INPUT),
        ("$states.context.State.Name", "Only"),
        ("$states.input.attempt + 1", 2),
        ("$count($states.input.posts[$contains('\"')])", 1),
        ("$exists($states.input.nothing)", False),
        ("[$states.input.nothing]", []),
        ("$merge([$states.context.Execution.Input, {'attempt': null}])", INPUT | {"attempt": None}),
        ("$parse('{\"wait_s\": 5}').wait_s", 5),
        ("$min([2, $states.input.attempt])", 1),
    ],
)
def test_an_expression_reads_the_input_and_the_context(workflow: Workflow, expression: str, value: object) -> None:
    assert evaluate(workflow, expression) == value


def test_the_clock_of_the_execution_and_of_the_state_can_be_compared(workflow: Workflow) -> None:
    now, start, entered, age_ms = evaluate(
        workflow,
        "[$now(), $states.context.Execution.StartTime, $states.context.State.EnteredTime,"
        " $toMillis($states.context.State.EnteredTime) - $toMillis($states.context.Execution.StartTime)]",
    )

    assert all(datetime.fromisoformat(time).tzinfo for time in (now, start, entered))
    assert 0 <= age_ms < 5000


def test_a_task_passes_its_payload_and_its_answer_can_be_assigned(workflow: Workflow) -> None:
    payload = {
        "request_id": "{% $states.context.Execution.Input.request_id %}",
        "retry": "{% $states.context.State.RetryCount %}",
    }
    output = run(
        workflow,
        First=call("Echo", payload, Assign={"answer": "{% $states.result.Payload %}"}, Next="Second"),
        Second={"Type": "Pass", "Output": "{% $answer %}", "End": True},
    )

    assert output == {"request_id": "0b5f", "retry": 0}


def test_a_variable_can_hold_any_text(workflow: Workflow) -> None:
    text = 'a "quoted"\nline \\ and {% $more %} \u2028 😀'
    output = run(
        workflow,
        {"posts": [text]},
        First={"Type": "Pass", "Assign": {"post": "{% $states.input.posts[0] %}"}, "Next": "Second"},
        Second={"Type": "Pass", "Output": ["{% $post %}"], "End": True},
    )

    assert output == [text]


def test_a_failure_is_retried_by_the_name_of_its_class(workflow: Workflow) -> None:
    retry = {
        "ErrorEquals": ["ProviderBusy"],
        "IntervalSeconds": 1,
        "BackoffRate": 1,
        "MaxAttempts": 3,
        "MaxDelaySeconds": 2,
    }
    retry |= {"JitterStrategy": "FULL"}

    output = run(
        workflow, Only=call("Fail", {"error": "ProviderBusy"}, Output=["{% $states.result.Payload %}"], Retry=[retry])
    )

    assert output == ["recovered"]
    assert len(_calls) == 3


@pytest.mark.parametrize(
    ("error", "matcher"),
    [
        ("PostNotFound", "PostNotFound"),
        ("PostNotFound", "States.TaskFailed"),
        ("PostNotFound", "States.ALL"),
        ("Sandbox.Timedout", "Sandbox.Timedout"),
        ("Runtime.ExitError", "Runtime.ExitError"),
    ],
)
def test_a_failure_is_caught_by_the_name_of_its_class(workflow: Workflow, error: str, matcher: str) -> None:
    output = run(workflow, Only=call("Fail", {"error": error}, **caught(matcher)), Caught=CAUGHT)

    assert output == [error, True]


def test_the_cause_of_a_failure_is_what_the_function_reported(workflow: Workflow) -> None:
    cause = {"Type": "Pass", "Output": ["{% $parse($cause).errorMessage %}"], "End": True}

    assert run(workflow, Only=call("Fail", {"error": "X"}, **caught("X")), Caught=cause) == ['it said "no"\n']


def test_a_failure_that_nothing_catches_fails_the_execution(workflow: Workflow) -> None:
    status, error, cause = run(workflow, Only=call("Fail", {"error": "PostNotFound"}, **caught("Other")), Caught=CAUGHT)

    assert (status, error) == ("FAILED", "PostNotFound")
    assert json.loads(cause)["errorMessage"] == 'it said "no"\n'


def test_a_function_that_does_not_exist_is_an_error_of_lambda(workflow: Workflow) -> None:
    output = run(workflow, Only=call("Nobody", {}, **caught("Lambda.ResourceNotFoundException")), Caught=CAUGHT)

    assert output == ["Lambda.ResourceNotFoundException", True]


def test_a_task_that_takes_too_long_times_out(workflow: Workflow) -> None:
    output = run(workflow, Only=call("Slow", {}, TimeoutSeconds=1, **caught("States.Timeout")), Caught=CAUGHT)

    assert output == ["States.Timeout", True]


@pytest.mark.parametrize("expression", ["$states.input.nothing", "$number('x')", "1 / 0", "$states.input.posts + 1"])
@pytest.mark.parametrize("matcher", ["States.QueryEvaluationError", "States.ALL"])
def test_an_expression_that_fails_can_be_caught(workflow: Workflow, expression: str, matcher: str) -> None:
    output = run(workflow, Only=call("Echo", f"{{% {expression} %}}", **caught(matcher)), Caught=CAUGHT)

    assert output == ["States.QueryEvaluationError", True]


@pytest.mark.parametrize(
    ("condition", "taken"), [("$states.input.attempt = 1", "yes"), ("$states.input.attempt > 1", "no")]
)
def test_a_choice_is_made_by_a_condition(workflow: Workflow, condition: str, taken: str) -> None:
    output = run(
        workflow,
        Only={"Type": "Choice", "Choices": [{"Condition": f"{{% {condition} %}}", "Next": "Yes"}], "Default": "No"},
        Yes={"Type": "Pass", "Output": ["yes"], "End": True},
        No={"Type": "Pass", "Output": ["no"], "End": True},
    )

    assert output == [taken]


def test_a_wait_lasts_as_long_as_its_expression_says(workflow: Workflow) -> None:
    output = run(
        workflow,
        Both={
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Wait", "States": {"Wait": waiting("$states.input.attempt"), "Echo": echo("waited")}},
                {"StartAt": "Echo", "States": {"Echo": echo("at once")}},
            ],
            "End": True,
        },
    )

    assert output == ["waited", "at once"]
    assert _calls == ["at once", "waited"]


def waiting(seconds: str) -> STATE:
    return {"Type": "Wait", "Seconds": f"{{% {seconds} %}}", "Next": "Echo"}


def echo(word: str) -> STATE:
    return call("Echo", word, Output="{% $states.result.Payload %}")


def test_a_map_runs_each_item_with_the_output_of_the_selector(workflow: Workflow) -> None:
    selector = {
        "post": "{% $states.context.Map.Item.Value %}",
        "index": "{% $states.context.Map.Item.Index %}",
        "request_id": "{% $states.context.Execution.Input.request_id %}",
    }
    inside = call("Echo", "{% $states.input %}", Output="{% $states.result.Payload %}")
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Inside", "States": {"Inside": inside}}

    output = run(
        workflow,
        Only={
            "Type": "Map",
            "Items": "{% $states.input.posts %}",
            "MaxConcurrency": 2,
            "ItemSelector": selector,
            "ItemProcessor": processor,
            "End": True,
        },
    )

    assert output == [{"post": post, "index": i, "request_id": "0b5f"} for i, post in enumerate(POSTS)]


def test_a_map_whose_items_fail_and_are_caught_succeeds(workflow: Workflow) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Output": {"failed": "{% $states.input %}"}, "Next": "Failed"}]
    inside = call("Fail", {"error": "X", "post": "{% $states.input %}"}, Catch=catch)
    states = {"Inside": inside, "Failed": {"Type": "Pass", "End": True}}
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Inside", "States": states}

    output = run(
        workflow,
        Only={"Type": "Map", "Items": "{% $states.input.posts %}", "ItemProcessor": processor, "End": True},
    )

    assert output == [{"failed": post} for post in POSTS]


def asynchronous(function: str, payload: object, **fields: Any) -> STATE:
    """A task that invokes a function asynchronously and waits for its token, for two seconds."""
    task = call(function, payload, TimeoutSeconds=2, **fields)
    task["Arguments"]["InvocationType"] = "Event"
    return task | {"Resource": f"{INVOKE}.waitForTaskToken"}


def test_an_asynchronous_invocation_ends_with_its_token_and_not_with_its_function(workflow: Workflow) -> None:
    output = run(workflow, Only=asynchronous("Slow", {}, **caught("States.Timeout")), Caught=CAUGHT)

    assert output[0] == "States.Timeout"
    assert _calls == [{}]


def test_an_asynchronous_invocation_that_fails_is_published_once_and_not_repeated(workflow: Workflow) -> None:
    payload = {"error": "Sandbox.Timedout"}

    output = run(workflow, Only=asynchronous("Fail", payload, **caught("States.ALL")), Caught=CAUGHT)

    assert output[0] == "States.Timeout"
    (event,) = _published
    assert event["requestPayload"] == payload
    assert event["responsePayload"]["errorType"] == "Sandbox.Timedout"
    assert event["requestContext"]["functionArn"].endswith(":function:Fail:$LATEST")
    assert _calls == [payload]


def test_a_task_token_is_found_while_another_execution_is_starting(workflow: Workflow) -> None:
    run(workflow, Only={"Type": "Succeed"})
    account = workflow.state_machine_arn.split(":")[4]
    machines = stepfunctions_parser_backends[account][REGION].state_machines
    begun: Any = next(machine.executions[-1] for machine in machines if machine.executions)
    client = boto3.client("stepfunctions", endpoint_url=workflow.endpoint_url)

    begun.exec_worker.env = None
    with pytest.raises(client.exceptions.InvalidToken):
        client.send_task_failure(taskToken="of another one")


def test_the_threads_of_an_execution_are_released_when_the_next_one_starts(workflow: Workflow) -> None:
    states: dict[str, STATE] = {
        "Each": {
            "Type": "Map",
            "Items": "{% $states.input.posts %}",
            "MaxConcurrency": 25,
            "ItemProcessor": {"StartAt": "Only", "States": {"Only": call("Echo", {"post": "{% $states.input %}"})}},
            "End": True,
        }
    }
    run(workflow, **states)
    of_one = ended_threads()

    for _ in range(4):
        run(workflow, **states)

    assert of_one > 25
    assert ended_threads() < 2 * of_one


def ended_threads() -> int:
    """Return the number of ended threads that moto still references; each holds 8 MB of address space."""
    gc.collect()
    return sum(isinstance(each, threading.Thread) and not each.is_alive() for each in gc.get_objects())


def test_every_patched_part_of_moto_is_still_broken() -> None:
    """If this fails, a newer moto may have made a patch unnecessary: remove that patch."""
    script = """
import importlib.metadata
from moto.awslambda.models import LambdaBackend
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_ecs
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_lambda
from moto.stepfunctions.parser.asl.jsonata import jsonata
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
try:
    jsonata.eval_jsonata_expression("1")
except TypeError as exc:
    print(exc)
print(jsonata._eval_jsonata)
print(jsonata.encode_jsonata_variable_declarations({"$x": 'a"b'}))
print("JSONataException" in StringJSONata._eval_body.__code__.co_names)
print("env" in StepFunctionsParserBackend.send_task_success.__code__.co_names, "exec_worker" in
    StepFunctionsParserBackend._get_executions.__code__.co_names)
print("TMP_THREADS" in ExecutionWorker.start.__code__.co_names)
print("CapacityProviderStrategy" in state_task_service_ecs._SUPPORTED_API_PARAM_BINDINGS["runtask"])
print("InvocationType" in state_task_service_lambda._SUPPORTED_API_PARAM_BINDINGS["invoke"])
arguments = {"TaskDefinition": "Work"}
state_task_service_ecs.StateTaskServiceEcs()._normalise_parameters(arguments)
print(arguments)
print(importlib.metadata.version("moto"))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert answer.splitlines() == [
        "'NoneType' object is not callable",
        "None",
        '$x:="a"b";',
        "False",
        "True False",
        "True",
        "False",
        "False",
        "{'TaskDefinition': 'Work'}",
        "5.2.5",
    ]
