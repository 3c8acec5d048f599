"""AWS Step Functions: starts, stops and describes the execution for one attempt of a request."""

import json
import uuid
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from .clients import aws_client
from .errors import provider_errors

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

PROVIDER = "step_functions"
_TIMEOUT_S = 2
_TRIES = 2
"""One API request makes at most three of these calls with two attempts each, which ends before API Gateway's 29 s."""
_UNREACHABLE = "the state machine cannot be reached"


class ExecutionStatus(StrEnum):
    """The status of an execution."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    PENDING_REDRIVE = "PENDING_REDRIVE"


class Workflow(Protocol):
    """Runs the pipeline for one attempt of a request."""

    @property
    def execution_prefix(self) -> str:
        """The common prefix of the ARNs of this workflow's executions; no other workflow shares it."""
        ...

    def execution_arn(self, request_id: uuid.UUID, attempt: int) -> str:
        """Return the ARN that the execution has, or will have once it is started."""
        ...

    def start(self, request_id: uuid.UUID, attempt: int, *, trace_id: str) -> None:
        """Start the execution; has no effect if it was already started.

        The stages run under the trace id; see `core.telemetry.trace`.

        Raises:
            ProviderError: it could not be started.
        """
        ...

    def find_status(self, request_id: uuid.UUID, attempt: int) -> ExecutionStatus | None:
        """Return the status of the execution; None if it does not exist.

        Raises:
            ProviderError: the call failed.
        """
        ...

    def stop(self, request_id: uuid.UUID, attempt: int) -> None:
        """Stop the execution; has no effect if it has ended or does not exist.

        Raises:
            ProviderError: the call failed.
        """
        ...

    def check(self) -> None:
        """Check that the state machine can be reached.

        Raises:
            ProviderError: it cannot.
        """
        ...


class StepFunctionsWorkflow:
    """The `Workflow` on the state machine of this deployment."""

    def __init__(self, state_machine_arn: str) -> None:
        self._state_machine_arn = state_machine_arn

    @cached_property
    def _client(self) -> "SFNClient":
        client: SFNClient = aws_client("stepfunctions", timeout_s=_TIMEOUT_S, tries=_TRIES)
        return client

    @property
    def execution_prefix(self) -> str:
        """The ARN of the state machine, rewritten as an execution ARN without the execution's name."""
        return f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:"

    def execution_arn(self, request_id: uuid.UUID, attempt: int) -> str:
        """Return the ARN; the execution is named after request and attempt, so that no attempt can run twice."""
        return f"{self.execution_prefix}{_name(request_id, attempt)}"

    def start(self, request_id: uuid.UUID, attempt: int, *, trace_id: str) -> None:
        """Start the execution with the input `{request_id, attempt, trace_id}`; see `Workflow.start`."""
        with provider_errors(PROVIDER, _UNREACHABLE, ignored_code="ExecutionAlreadyExists"):
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=_name(request_id, attempt),
                input=json.dumps({"request_id": str(request_id), "attempt": attempt, "trace_id": trace_id}),
            )

    def find_status(self, request_id: uuid.UUID, attempt: int) -> ExecutionStatus | None:
        """Call DescribeExecution; see `Workflow.find_status`."""
        answer = None
        with provider_errors(PROVIDER, _UNREACHABLE, ignored_code="ExecutionDoesNotExist"):
            answer = self._client.describe_execution(executionArn=self.execution_arn(request_id, attempt))
        return ExecutionStatus(answer["status"]) if answer else None

    def stop(self, request_id: uuid.UUID, attempt: int) -> None:
        """Stop the execution; see `Workflow.stop`."""
        with provider_errors(PROVIDER, _UNREACHABLE, ignored_code="ExecutionDoesNotExist"):
            self._client.stop_execution(executionArn=self.execution_arn(request_id, attempt))

    def check(self) -> None:
        """Call DescribeStateMachine; see `Workflow.check`."""
        with provider_errors(PROVIDER, _UNREACHABLE):
            self._client.describe_state_machine(stateMachineArn=self._state_machine_arn)


def _name(request_id: uuid.UUID, attempt: int) -> str:
    return f"{request_id}-{attempt}"
