"""ECS tasks under moto's interpreter, from the state to a process that reports its result."""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.aws.tasks import TaskRefused, TaskService
from local.aws.template import TaskSpec
from local.aws.workflow import Workflow
from tests.fixtures.waits import WAIT_S, wait_until

SPEC = TaskSpec("Work", "work", "tests.local.handlers.task")
NOTHING = json.dumps({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": {"Type": "Succeed"}}})
ROLE = "arn:aws:iam::000000000000:role/test"
ARGUMENTS: dict[str, Any] = {
    "Cluster": "local",
    "TaskDefinition": SPEC.arn,
    "CapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}],
    "NetworkConfiguration": {
        "AwsvpcConfiguration": {"Subnets": "{% [$split('a,b', ',')] %}", "AssignPublicIp": "DISABLED"}
    },
    "Overrides": {
        "ContainerOverrides": [
            {
                "Name": "work",
                "Environment": [
                    {"Name": "TASK_TOKEN", "Value": "{% $states.context.Task.Token %}"},
                    {"Name": "DO", "Value": "{% $states.input.do %}"},
                ],
            }
        ]
    },
}
_numbers = count()


def unused(name: str, payload: bytes) -> Any:
    raise AssertionError((name, payload))


def run(workflow: Workflow, do: str = "report", *, caught: str = "States.ALL", **fields: Any) -> Any:
    """Return the output of an execution, the name of the error it caught, or the cause of its failure."""
    catch = [{"ErrorEquals": [caught], "Output": ["{% $states.errorOutput.Error %}"], "Next": "Caught"}]
    task: dict[str, Any] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.waitForTaskToken",
        "Arguments": ARGUMENTS,
    }
    task |= {"TimeoutSeconds": 2 * WAIT_S, "HeartbeatSeconds": WAIT_S, "Catch": catch, "End": True} | fields
    states = {"Run": task, "Caught": {"Type": "Pass", "End": True}}
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Run", "States": states})
    client = boto3.client("stepfunctions", endpoint_url=workflow.endpoint_url)
    name = f"test-{next(_numbers)}"
    machine = client.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine, input=json.dumps({"do": do}))["executionArn"]
    wait_until(lambda: client.describe_execution(executionArn=execution)["status"] != "RUNNING")
    answer = client.describe_execution(executionArn=execution)
    client.close()
    return json.loads(answer["output"]) if answer["status"] == "SUCCEEDED" else answer.get("cause")


def test_a_task_runs_as_a_process_and_ends_with_what_it_reports(tmp_path: Path) -> None:
    with (
        TaskService({"Work": SPEC}, environment=lambda _: {}, log_folder=tmp_path) as tasks,
        Workflow("Nothing", NOTHING, unused, tasks.run) as workflow,
    ):
        assert run(workflow) == {"outcome": "processed"}


def test_a_state_fails_with_an_error_if_run_task_refuses_or_does_not_know_its_arguments() -> None:
    asked: list[tuple[str, Mapping[str, Mapping[str, str]]]] = []

    def refuse(name: str, overrides: Mapping[str, Mapping[str, str]]) -> str:
        asked.append((name, overrides))
        raise TaskRefused("no capacity")

    with Workflow("Nothing", NOTHING, unused, refuse) as workflow:
        errors = [
            run(workflow, caught="AmazonECS.Unknown"),
            run(
                workflow, caught="None", Arguments=ARGUMENTS | {"CapacityProviderStrategy": [{"CapacityProvidr": "X"}]}
            ),
        ]

    assert errors[0] == ["AmazonECS.Unknown"]
    assert "CapacityProvidr" in errors[1]
    [(name, overrides)] = asked
    assert (name, overrides["work"]["DO"]) == ("Work", "report")
    assert overrides["work"].items() >= workflow.environment.items()


@pytest.mark.parametrize(("name", "is_caught"), [("States.Timeout", True), ("States.HeartbeatTimeout", False)])
def test_moto_reports_a_missed_heartbeat_as_a_timeout(tmp_path: Path, name: str, is_caught: bool) -> None:
    """AWS reports States.HeartbeatTimeout. The definition names both errors; this test fails once it no longer must."""
    with Workflow("Nothing", NOTHING, unused, lambda name, _: name) as workflow:
        answer = run(workflow, caught=name, HeartbeatSeconds="{% $number('1') %}")

    assert (answer == [name]) is is_caught
