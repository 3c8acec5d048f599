"""AWS Step Functions as somebody who works on one of its tasks sees it: a token, heartbeats, and an end."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError

from .clients import aws_client
from .step_functions import PROVIDER

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_TIMEOUT_S = 5
_TRIES = 3
# Source: AWS Step Functions API, SendTaskSuccess, "Errors".
_GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class TaskGone(Exception):
    """Nobody waits for this task any more: it timed out, or its execution was stopped."""


class TaskReporter(Protocol):
    """Tells Step Functions how one of its tasks goes.

    Every method raises `TaskGone` when nobody waits any more, and `ProviderError` when nobody could be told.
    """

    def beat(self) -> None:
        """Say that the work goes on."""
        ...

    def succeed(self, output: Mapping[str, str | int]) -> None:
        """End the task; `output` holds ids and numbers, never content."""
        ...

    def fail(self, error: str) -> None:
        """End the task without a result; `error` is the name of an exception class, which Retry and Catch match."""
        ...


class StepFunctionsTask:
    """`TaskReporter` for a task token; several threads may use it."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._lock = threading.Lock()

    @cached_property
    def _made_client(self) -> "SFNClient":
        client: SFNClient = aws_client("stepfunctions", timeout_s=_TIMEOUT_S, tries=_TRIES)
        return client

    @property
    def _client(self) -> "SFNClient":
        with self._lock:
            return self._made_client

    def beat(self) -> None:
        """Send a heartbeat; see `TaskReporter`."""
        with _as_ours():
            self._client.send_task_heartbeat(taskToken=self._token)

    def succeed(self, output: Mapping[str, str | int]) -> None:
        """Send the result; see `TaskReporter`."""
        with _as_ours():
            self._client.send_task_success(taskToken=self._token, output=json.dumps(output))

    def fail(self, error: str) -> None:
        """Send the failure; see `TaskReporter`."""
        with _as_ours():
            self._client.send_task_failure(taskToken=self._token, error=error)


@contextmanager
def _as_ours() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as exc:
        if exc.response["Error"]["Code"] in _GONE:
            raise TaskGone(exc.response["Error"]["Code"]) from exc
        raise _unreachable(exc) from exc
    except BotoCoreError as exc:
        raise _unreachable(exc) from exc


def _unreachable(exc: Exception) -> ProviderError:
    return ProviderError(
        f"Step Functions cannot be told how the task goes ({type(exc).__name__})",
        provider=PROVIDER,
        category=ErrorCategory.PROVIDER_ERROR,
        is_transient=True,
    )
