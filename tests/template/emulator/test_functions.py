"""The built functions in the emulator, on real events; what they call is what their roles allow."""

import uuid

import boto3
import pytest
from sqlalchemy import select

from tests.fixtures.waits import wait_until
from tests.template.conftest import Properties
from tests.template.emulator.conftest import Emulator
from tests.template.emulator.stack import Statement
from tests.template.emulator.triggers import BY_THE_STATE_MACHINE, TRIGGERS, analyse
from tools.scale import PHOTO_STATES
from whyviral.analysis.models import PostAnalysis
from whyviral.core.database import session_scope

BY_LAMBDA = {
    "logs:CreateLogStream": "Lambda writes a function's log",
    "logs:PutLogEvents": "likewise",
    "xray:PutTraceSegments": "Lambda sends a function's traces",
    "xray:PutTelemetryRecords": "likewise",
    "sqs:ReceiveMessage": "Lambda takes messages from a queue for the function",
    "sqs:DeleteMessage": "likewise",
    "sqs:GetQueueAttributes": "likewise",
}
"""Actions that Lambda makes with a function's role, and the function never does."""


@pytest.fixture(scope="module")
def exercised(emulator: Emulator) -> Emulator:
    """The emulator after an event for each function."""
    for trigger in TRIGGERS.values():
        trigger(emulator)
    client = boto3.client("stepfunctions")
    arn = emulator.stack.outputs["StateMachineArn"]
    wait_until(lambda: not client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"])
    return emulator


@pytest.fixture(scope="module")
def kept_by_lambda(transformed: Properties) -> dict[str, str]:
    """The queue to which Lambda sends the events at which a function failed, by function."""
    return {
        each["Properties"]["FunctionName"]["Ref"]: each["Properties"]["DestinationConfig"]["OnFailure"]["Destination"][
            "Fn::GetAtt"
        ][0]
        for each in transformed["Resources"].values()
        if each["Type"] == "AWS::Lambda::EventInvokeConfig"
    }


def count_states(emulator: Emulator, request_id: str) -> int:
    """Return how many states the execution of an ended request has entered, once the execution has ended, too."""
    client = boto3.client("stepfunctions")
    executions = client.list_executions(stateMachineArn=emulator.stack.outputs["StateMachineArn"])["executions"]
    (arn,) = [each["executionArn"] for each in executions if each["name"].startswith(request_id)]
    wait_until(lambda: client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    return sum("stateEnteredEventDetails" in event for page in pages for event in page["events"])


def test_the_deployed_state_machine_analyses_a_photo_with_the_built_functions(emulator: Emulator) -> None:
    request = analyse(emulator)

    assert (request["status"], request["error_category"]) == ("COMPLETED", None)
    with session_scope(emulator.engine) as session:
        analysis = session.scalars(
            select(PostAnalysis).where(PostAnalysis.request_id == uuid.UUID(request["id"]))
        ).one()
        assert analysis.metadata_used["model"] == "gemini-3.8-flash (stand-in)"
    assert count_states(emulator, request["id"]) == PHOTO_STATES


def test_every_function_with_a_package_has_a_trigger_here(functions: dict[str, Properties]) -> None:
    packaged = {name for name, function in functions.items() if function.get("PackageType") != "Image"}

    assert packaged == TRIGGERS.keys() | BY_THE_STATE_MACHINE


def test_every_call_of_a_function_is_allowed(exercised: Emulator) -> None:
    for function, allowed in exercised.stack.allowed.items():
        for call in exercised.recorder.of(function):
            assert any(each.allows(call.action, call.resource) for each in allowed), call


def test_every_action_that_is_allowed_is_called(exercised: Emulator, kept_by_lambda: dict[str, str]) -> None:
    unused: dict[str, list[Statement]] = {}
    for function, allowed in exercised.stack.allowed.items():
        calls = exercised.recorder.of(function)
        destination = kept_by_lambda.get(function)
        queue = exercised.stack.resources[destination].rpartition("/")[2] if destination else None
        for each in allowed:
            is_destination = each.action == "sqs:SendMessage" and each.resource.rpartition(":")[2] == queue
            is_called = any(each.allows(call.action, call.resource) for call in calls)
            if not (is_called or is_destination or each.action in BY_LAMBDA):
                unused.setdefault(function, []).append(each)

    assert unused == {}
