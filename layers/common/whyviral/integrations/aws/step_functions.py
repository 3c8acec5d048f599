"""AWS Step Functions: starts the execution that works on one attempt of a request."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError

from .clients import aws_client

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

PROVIDER = "step_functions"
_TIMEOUT_S = 2
_TRIES = 2
"""Three requests a call, two tries each: what hangs is over before API Gateway's 29 s."""


class ExecutionStatus(StrEnum):
    """Life of an execution."""

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
        """How the names of all its executions begin, and of no others."""
        ...

    def execution_arn(self, request_id: uuid.UUID, attempt: int) -> str:
        """Return the name the execution has or will have."""
        ...

    def start(self, request_id: uuid.UUID, attempt: int) -> None:
        """Start the execution; started before counts as started.

        Raises:
            ProviderError: it could not be started.
        """
        ...

    def find_status(self, request_id: uuid.UUID, attempt: int) -> ExecutionStatus | None:
        """Return how far the execution is; None when there is none.

        Raises:
            ProviderError: nobody could be asked.
        """
        ...

    def stop(self, request_id: uuid.UUID, attempt: int) -> None:
        """End the execution wherever it is; one that has ended or never was stays as it is.

        Raises:
            ProviderError: nobody could be told.
        """
        ...

    def check(self) -> None:
        """Return when the state machine can be reached.

        Raises:
            ProviderError: it cannot.
        """
        ...


class StepFunctionsWorkflow:
    """`Workflow` on the state machine of this deployment."""

    def __init__(self, state_machine_arn: str) -> None:
        self._state_machine_arn = state_machine_arn

    @cached_property
    def _client(self) -> "SFNClient":
        client: SFNClient = aws_client("stepfunctions", timeout_s=_TIMEOUT_S, tries=_TRIES)
        return client

    @property
    def execution_prefix(self) -> str:
        """The ARN of the state machine, turned into that of an execution without its name."""
        return f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:"

    def execution_arn(self, request_id: uuid.UUID, attempt: int) -> str:
        """Executions are named after request and attempt, so that no attempt can run twice."""
        return f"{self.execution_prefix}{_name(request_id, attempt)}"

    def start(self, request_id: uuid.UUID, attempt: int) -> None:
        """Start the execution with the input `{request_id, attempt}`; see `Workflow.start`."""
        with _as_ours(but="ExecutionAlreadyExists"):
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=_name(request_id, attempt),
                input=f'{{"request_id": "{request_id}", "attempt": {attempt}}}',
            )

    def find_status(self, request_id: uuid.UUID, attempt: int) -> ExecutionStatus | None:
        """Ask for the execution; see `Workflow.find_status`."""
        answer = None
        with _as_ours(but="ExecutionDoesNotExist"):
            answer = self._client.describe_execution(executionArn=self.execution_arn(request_id, attempt))
        return ExecutionStatus(answer["status"]) if answer else None

    def stop(self, request_id: uuid.UUID, attempt: int) -> None:
        """Stop the execution; see `Workflow.stop`."""
        with _as_ours(but="ExecutionDoesNotExist"):
            self._client.stop_execution(executionArn=self.execution_arn(request_id, attempt))

    def check(self) -> None:
        """Ask for the state machine; see `Workflow.check`."""
        with _as_ours():
            self._client.describe_state_machine(stateMachineArn=self._state_machine_arn)


@contextmanager
def _as_ours(*, but: str | None = None) -> Iterator[None]:
    """Turn failures of AWS into ours, and leave the block at the one that is none."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as exc:
        if exc.response["Error"]["Code"] != but:
            raise _as_provider_error(exc) from exc
    except BotoCoreError as exc:
        raise _as_provider_error(exc) from exc


def _name(request_id: uuid.UUID, attempt: int) -> str:
    return f"{request_id}-{attempt}"


def _as_provider_error(exc: Exception) -> ProviderError:
    return ProviderError(
        f"the state machine cannot be reached ({type(exc).__name__})",
        provider=PROVIDER,
        category=ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
    )
