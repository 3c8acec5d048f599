"""EventBridge on one machine: tells a function of every execution and every task that has ended badly, as AWS does."""

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
_BAD_ENDS = {"FAILED", "TIMED_OUT", "ABORTED"}
_TRIES = 3
"""Source: AWS Lambda, "How Lambda handles errors and retries with asynchronous invocation"."""
_METHOD = "terminated"

type Publish = Callable[[dict[str, Any]], None]


def publisher(invoke: Invoke) -> Publish:
    """Return what hands an event to the function and waits until it is done, or was tried three times."""

    def publish(event: dict[str, Any]) -> None:
        payload = json.dumps(event).encode()
        try:
            for _ in range(_TRIES):
                if invoke(FUNCTION, payload).function_error is None:
                    return
        except LambdaServiceClosed:
            return  # whoever starts the system again looks for what was lost

    return publish


@contextmanager
def executions_reported(publish: Publish) -> Iterator[None]:
    """Publish the bad end of each execution in moto, which tells nobody, until the block ends."""
    end = getattr(BaseExecutionWorkerCommunication, _METHOD)

    def terminated(communication: BaseExecutionWorkerCommunication) -> None:
        end(communication)
        if communication.execution.status in _BAD_ENDS:
            publish(execution_event(communication.execution))

    setattr(BaseExecutionWorkerCommunication, _METHOD, terminated)
    try:
        yield
    finally:
        setattr(BaseExecutionWorkerCommunication, _METHOD, end)


def execution_event(execution: Execution) -> dict[str, Any]:
    """Return the event about the end of an execution."""
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
    """Return the event about a task that has stopped; without an exit code it was never started."""
    ended = {} if exit_code is None else {"exitCode": exit_code}
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    detail = {
        "clusterArn": CLUSTER_ARN,
        "taskArn": arn,
        "taskDefinitionArn": definition_arn,
        "lastStatus": "STOPPED",
        "stopCode": "TaskFailedToStart" if exit_code is None else "EssentialContainerExited",
        "containers": [{"name": container, "lastStatus": "STOPPED", **ended}],
        "overrides": {"containerOverrides": [{"name": container, "environment": environment}]},
    }
    return _event("aws.ecs", "ECS Task State Change", detail)


def _event(source: str, kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    about = {"version": "0", "source": source, "account": ACCOUNT_ID, "region": REGION}
    return about | {"detail-type": kind, "detail": detail}
