"""Reports each failed execution, task and asynchronous invocation to a function, as EventBridge and Lambda do."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution

from local.aws.interpreter import Invoke
from local.aws.sandbox_pool import LambdaServiceClosed
from local.aws.template import ACCOUNT_ID, REGION

FUNCTION = "FailureEventsFunction"
CLUSTER_ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:cluster/local"
_FAILED_STATUSES = {"FAILED", "TIMED_OUT", "ABORTED"}
_MAX_ATTEMPTS = 3
"""Source: AWS Lambda, "How Lambda handles errors and retries with asynchronous invocation"."""
_METHOD = "terminated"

type Publish = Callable[[dict[str, Any]], None]


def publisher(invoke: Invoke) -> Publish:
    """Return a callable that invokes the function with an event, up to three times, until it succeeds."""

    def publish(event: dict[str, Any]) -> None:
        payload = json.dumps(event).encode()
        try:
            for _ in range(_MAX_ATTEMPTS):
                if invoke(FUNCTION, payload).function_error is None:
                    return
        except LambdaServiceClosed:
            return  # the next start of the system recovers orphaned requests

    return publish


@contextmanager
def executions_reported(publish: Publish) -> Iterator[None]:
    """Patch moto, which reports no execution's end, so that each failed execution is published until the block ends."""
    end = getattr(BaseExecutionWorkerCommunication, _METHOD)

    def terminated(communication: BaseExecutionWorkerCommunication) -> None:
        end(communication)
        if communication.execution.status in _FAILED_STATUSES:
            publish(execution_event(communication.execution))

    setattr(BaseExecutionWorkerCommunication, _METHOD, terminated)
    try:
        yield
    finally:
        setattr(BaseExecutionWorkerCommunication, _METHOD, end)


def execution_event(execution: Execution) -> dict[str, Any]:
    """Return EventBridge's event for the end of an execution."""
    detail = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "output": None,
    }
    return _event("aws.states", "Step Functions Execution Status Change", detail)


def task_event(
    arn: str, definition_arn: str, container: str, variables: Mapping[str, str], exit_code: int | None
) -> dict[str, Any]:
    """Return EventBridge's event for a task that has stopped; without an exit code, the task never started."""
    exit_status = {} if exit_code is None else {"exitCode": exit_code}
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    detail = {
        "clusterArn": CLUSTER_ARN,
        "taskArn": arn,
        "taskDefinitionArn": definition_arn,
        "lastStatus": "STOPPED",
        "stopCode": "TaskFailedToStart" if exit_code is None else "EssentialContainerExited",
        "containers": [{"name": container, "lastStatus": "STOPPED", **exit_status}],
        "overrides": {"containerOverrides": [{"name": container, "environment": environment}]},
    }
    return _event("aws.ecs", "ECS Task State Change", detail)


def invocation_event(function_arn: str, payload: bytes, error: bytes) -> dict[str, Any]:
    """Return Lambda's record of an asynchronous invocation that failed with this error and is not retried."""
    return {
        "version": "1.0",
        "requestContext": {
            "functionArn": f"{function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 1,
        },
        "requestPayload": json.loads(payload),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": json.loads(error),
    }


def _event(source: str, kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    envelope = {"version": "0", "source": source, "account": ACCOUNT_ID, "region": REGION}
    return envelope | {"detail-type": kind, "detail": detail}
