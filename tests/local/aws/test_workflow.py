import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
from botocore.exceptions import ClientError

from local.aws.lambda_service import LambdaService
from local.aws.sandbox import Invocation
from local.aws.template import REGION, FunctionSpec, StateMachineSpec, local_resolver
from local.aws.workflow import Workflow, WorkflowAlreadyRunning
from tests.fixtures.waits import WAIT_S, wait_until

FUNCTIONS = {
    "Sleep": FunctionSpec("Sleep", "tests.local.handlers.plain.sleep", timeout_s=0.5),
    "Leave": FunctionSpec("Leave", "tests.local.handlers.plain.leave", timeout_s=WAIT_S),
    "Fail": FunctionSpec("Fail", "tests.local.handlers.plain.fail", timeout_s=WAIT_S),
}
WAITING = json.dumps(
    {"QueryLanguage": "JSONata", "StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
)


def unused(name: str, payload: bytes) -> Invocation:
    raise AssertionError((name, payload))


def start(workflow: Workflow, event: object, name: str = "first") -> str:
    client = boto3.client("stepfunctions", endpoint_url=workflow.endpoint_url)
    answer = client.start_execution(stateMachineArn=workflow.state_machine_arn, name=name, input=json.dumps(event))
    return answer["executionArn"]


def finished(workflow: Workflow, execution: str) -> dict[str, Any]:
    client = boto3.client("stepfunctions", endpoint_url=workflow.endpoint_url)
    wait_until(lambda: client.describe_execution(executionArn=execution)["status"] != "RUNNING")
    return dict(client.describe_execution(executionArn=execution))


def test_the_state_machine_runs_with_functions_in_separate_processes(tmp_path: Path) -> None:
    spec = StateMachineSpec(
        "Analysis", three_failures(), {f"{name}Arn": {"Fn::GetAtt": [name, "Arn"]} for name in FUNCTIONS}
    )
    definition = spec.definition(local_resolver(FUNCTIONS))

    with (
        LambdaService(FUNCTIONS, environment=lambda _: {}, log_folder=tmp_path) as lambdas,
        Workflow(spec.name, definition, lambdas.invoke) as workflow,
    ):
        output = json.loads(finished(workflow, start(workflow, {}))["output"])

    assert workflow.definition == definition
    assert [failure["Error"] for failure in output] == ["Sandbox.Timedout", "Runtime.ExitError", "PostNotFound"]
    messages = [json.loads(failure["Cause"])["errorMessage"] for failure in output]
    assert messages[0].endswith("Error: Task timed out after 0.50 seconds")
    assert messages[1].endswith("Error: Runtime exited with error: exit status 1")
    assert messages[2] == "gone"


def three_failures() -> str:
    def branch(function: str, payload: object) -> dict[str, Any]:
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "TimeoutSeconds": WAIT_S,
            "Arguments": {"FunctionName": f"${{{function}Arn}}", "Payload": payload},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}],
            "End": True,
        }
        return {"StartAt": "Call", "States": {"Call": task, "Caught": {"Type": "Pass", "End": True}}}

    branches = [branch("Sleep", 3600), branch("Leave", 1), branch("Fail", "gone")]
    states = {"All": {"Type": "Parallel", "Branches": branches, "End": True}}
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "All", "States": states})


def test_the_server_listens_on_loopback_only() -> None:
    with Workflow("Waiting", WAITING, unused) as workflow:
        port = int(workflow.endpoint_url.rpartition(":")[2])
        listening = [
            connection.laddr.ip
            for connection in psutil.Process().net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        ]

    assert listening == ["127.0.0.1"]


def test_closing_ends_executions_and_server_and_restores_the_environment(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = dict(os.environ)
    with Workflow("Waiting", WAITING, unused) as workflow:
        start(workflow, {})
        port = int(workflow.endpoint_url.rpartition(":")[2])
        execution_threads = [thread for thread in threading.enumerate() if "_execution_logic" in thread.name]

    assert execution_threads
    for thread in execution_threads:
        thread.join(timeout=WAIT_S)
        assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass
    assert dict(os.environ) == environment
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_second_workflow_has_no_state_of_the_first() -> None:
    with Workflow("Waiting", WAITING, unused) as workflow:
        first = start(workflow, {})

    with Workflow("Waiting", WAITING, unused) as workflow, pytest.raises(ClientError, match="Execution Does Not Exist"):
        boto3.client("stepfunctions", endpoint_url=workflow.endpoint_url).describe_execution(executionArn=first)


def test_only_one_workflow_runs_in_a_process() -> None:
    with Workflow("Waiting", WAITING, unused), pytest.raises(WorkflowAlreadyRunning):
        Workflow("Other", WAITING, unused)


def test_a_definition_that_is_not_valid_leaves_nothing_running() -> None:
    with pytest.raises(ClientError, match="CreateStateMachine"):
        Workflow("Broken", '{"StartAt": "Nowhere"}', unused)

    Workflow("Waiting", WAITING, unused).close()


def test_a_repeated_start_returns_the_same_execution_and_another_input_is_refused() -> None:
    with Workflow("Waiting", WAITING, unused) as workflow:
        first = start(workflow, {"request_id": "r"}, name="r-1")

        assert start(workflow, {"request_id": "r"}, name="r-1") == first
        with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
            start(workflow, {"request_id": "other"}, name="r-1")


def test_the_users_own_aws_account_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")

    with Workflow("Waiting", WAITING, unused) as workflow:
        assert workflow.environment["AWS_ENDPOINT_URL"] == workflow.endpoint_url == os.environ["AWS_ENDPOINT_URL"]
        assert "AWS_PROFILE" not in os.environ

    assert os.environ["AWS_PROFILE"] == "production"


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_web_page_cannot_call_the_workflow(headers: dict[str, str]) -> None:
    request = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines", "Content-Type": "application/x-amz-json-1.0"}
    signature = f"AWS4-HMAC-SHA256 Credential=local/20261128/{REGION}/states/aws4_request"
    with Workflow("Wait", WAITING, unused) as workflow:
        sent = request | {"Authorization": signature}
        own = httpx.post(workflow.endpoint_url, content="{}", headers=sent)
        foreign = httpx.post(workflow.endpoint_url, content="{}", headers=sent | headers)

    assert (own.status_code, own.json()["stateMachines"][0]["name"]) == (200, "Wait")
    assert (foreign.status_code, "Wait" in foreign.text) == (403, False)
