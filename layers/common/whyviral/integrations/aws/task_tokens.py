"""AWS Step Functions' callbacks for a worker: heartbeats and the result of a task, identified by its token."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from whyviral.integrations.errors import ProviderError

from .clients import aws_client
from .errors import error_code, provider_errors
from .step_functions import PROVIDER

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_TIMEOUT_S = 5
_TRIES = 3
# Source: AWS Step Functions API, SendTaskSuccess, "Errors".
_GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class TaskGone(Exception):
    """The task is no longer waiting: it timed out, or its execution was stopped."""


class TaskReporter(Protocol):
    """Reports the progress of one task to Step Functions.

    Every method raises `TaskGone` if the task is no longer waiting, and `ProviderError` if the report failed.
    """

    def beat(self) -> None:
        """Send a heartbeat, which extends the task's heartbeat timeout."""
        ...

    def succeed(self, output: Mapping[str, str | int]) -> None:
        """End the task; `output` holds ids and numbers, never content."""
        ...

    def fail(self, error: str) -> None:
        """End the task without a result; `error` is the name of an exception class, which Retry and Catch match."""
        ...


class StepFunctionsTask:
    """The `TaskReporter` for a task token; safe to share between threads."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._lock = threading.Lock()

    @cached_property
    def _cached_client(self) -> "SFNClient":
        client: SFNClient = aws_client("stepfunctions", timeout_s=_TIMEOUT_S, tries=_TRIES)
        return client

    @property
    def _client(self) -> "SFNClient":
        with self._lock:
            return self._cached_client

    def beat(self) -> None:
        """Send a heartbeat; see `TaskReporter`."""
        with _task_errors():
            self._client.send_task_heartbeat(taskToken=self._token)

    def succeed(self, output: Mapping[str, str | int]) -> None:
        """Send the result; see `TaskReporter`."""
        with _task_errors():
            self._client.send_task_success(taskToken=self._token, output=json.dumps(output))

    def fail(self, error: str) -> None:
        """Send the failure; see `TaskReporter`."""
        with _task_errors():
            self._client.send_task_failure(taskToken=self._token, error=error)


@contextmanager
def _task_errors() -> Iterator[None]:
    try:
        with provider_errors(PROVIDER, "the task's state cannot be reported to Step Functions"):
            yield
    except ProviderError as exc:
        code = error_code(exc.__cause__)
        if code in _GONE:
            raise TaskGone(code) from exc.__cause__
        raise
