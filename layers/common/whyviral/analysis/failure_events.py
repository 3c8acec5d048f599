"""Handles events about failed executions, stopped worker tasks and failed invocations of the worker.

An event is checked before anything is changed: it may be late, repeated, or about another stack. Source: AWS Step
Functions, "Automating Step Functions event delivery with EventBridge"; Amazon ECS, "Amazon ECS task state change
events"; AWS Lambda, "Capturing records of Lambda asynchronous invocations".
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag
from pydantic.alias_generators import to_camel
from sqlalchemy import Engine

from whyviral.core.clock import Clock
from whyviral.core.database import session_scope
from whyviral.core.telemetry.catalogue import REQUESTS_ORPHANED
from whyviral.core.telemetry.metrics import record
from whyviral.integrations.aws.ecs_tasks import TaskOverrides, Tasks
from whyviral.integrations.aws.task_tokens import TaskGone, TaskReporter

from .orphaned import end_orphaned
from .pipeline import Outcome, RequestJob

TOKEN_VARIABLE = "TASK_TOKEN"  # noqa: S105 - its name
WORKER_STOPPED = "WorkerDied"
WORKER_NOT_STARTED = "WorkerNotStarted"
_TOO_OLD = "EventAgeExceeded"
"""The condition of an event that Lambda could not start in time, for example for lack of concurrency."""
_ERRORS = {"FAILED": "ExecutionFailed", "TIMED_OUT": "States.Timeout", "ABORTED": "ExecutionAborted"}
_NAME = re.compile(r"(?P<request>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(?P<attempt>[1-9][0-9]{0,3})")


class Answer(StrEnum):
    """The result of handling an event."""

    ENDED = "ended"
    """The event ended the request, or failed the state that waited for the task."""
    ENDED_BEFORE = "ended_before"
    NOT_OURS = "not_ours"
    """The event is about another state machine or cluster, a manual execution, or a worker without a job."""


class _Detail(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class ExecutionDetail(_Detail):
    """An execution that failed, timed out or was aborted."""

    state_machine_arn: str
    name: str
    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]


class Container(_Detail):
    """A container of a stopped task; a container that never ran has no exit code."""

    exit_code: int | None = None


class TaskDetail(_Detail):
    """A stopped ECS task."""

    cluster_arn: str
    task_arn: str
    last_status: Literal["STOPPED"]
    stop_code: str | None = None
    containers: Sequence[Container] = ()
    overrides: TaskOverrides = TaskOverrides()


class ExecutionEnded(BaseModel):
    """The event of an ended execution."""

    kind: Literal["Step Functions Execution Status Change"] = Field(alias="detail-type")
    detail: ExecutionDetail


class TaskStopped(BaseModel):
    """The event of a stopped task."""

    kind: Literal["ECS Task State Change"] = Field(alias="detail-type")
    detail: TaskDetail


class InvocationContext(_Detail):
    """Why Lambda gave an asynchronous invocation up, such as RetriesExhausted or EventAgeExceeded."""

    condition: str
    function_arn: str


class WorkerJob(BaseModel):
    """The part of a worker's event that names the state that waits for it."""

    task_token: SecretStr


class InvocationFailed(_Detail):
    """Lambda's record of a failed asynchronous invocation of the worker."""

    kind: Literal["invocation"] = "invocation"
    request_context: InvocationContext
    request_payload: WorkerJob


def _kind_of(event: Any) -> str:
    """Return the kind of an event. Lambda's records have none, and EventBridge's events have no request context."""
    event = event if isinstance(event, Mapping) else {}
    return "invocation" if "requestContext" in event else str(event.get("detail-type"))


class FailureEvent(BaseModel):
    """The event of an ended execution, of a stopped task or of a failed invocation."""

    model_config = ConfigDict(hide_input_in_errors=True)  # the event may contain a task token

    event: Annotated[
        Annotated[ExecutionEnded, Tag("Step Functions Execution Status Change")]
        | Annotated[TaskStopped, Tag("ECS Task State Change")]
        | Annotated[InvocationFailed, Tag("invocation")],
        Discriminator(_kind_of),
    ]


@dataclass(frozen=True, slots=True)
class FailureEventHandler:
    """Ends requests whose execution failed, and fails states that wait for a stopped worker."""

    engine: Engine
    state_machine_arn: str
    cluster_arn: str
    tasks: Tasks
    report_to: Callable[[str], TaskReporter]
    clock: Clock
    logger: Logger

    def handle(self, event: FailureEvent) -> Answer:
        """Handle an event; handling it again changes nothing.

        Raises:
            ProviderError: ECS or Step Functions cannot be reached; EventBridge must deliver the event again.
        """
        match event.event:
            case ExecutionEnded(detail=detail):
                return self._end_request(detail)
            case TaskStopped(detail=detail):
                return self._end_task(detail)
            case InvocationFailed() as invocation:
                return self._end_invocation(invocation)

    def _end_request(self, detail: ExecutionDetail) -> Answer:
        match = _NAME.fullmatch(detail.name)
        if detail.state_machine_arn != self.state_machine_arn or match is None:
            return Answer.NOT_OURS
        job = RequestJob(request_id=uuid.UUID(match["request"]), attempt=int(match["attempt"]))
        error = _ERRORS[detail.status]
        with session_scope(self.engine) as session:
            result = end_orphaned(session, job, error=error, now=self.clock())
        if result.outcome is Outcome.SUPERSEDED:
            return Answer.ENDED_BEFORE
        details = {"request_id": str(job.request_id), "attempt": job.attempt, "error_name": error}
        record(REQUESTS_ORPHANED)
        self.logger.warning("a request was lost", extra=details)
        return Answer.ENDED

    def _end_task(self, detail: TaskDetail) -> Answer:
        if detail.cluster_arn != self.cluster_arn:
            return Answer.NOT_OURS
        if detail.containers and all(container.exit_code == 0 for container in detail.containers):
            return Answer.ENDED_BEFORE  # a worker with this exit code has reported its result
        token = self._find_token(detail)
        if token is None:
            return Answer.NOT_OURS
        has_run = any(container.exit_code is not None for container in detail.containers)
        extra = {"task": detail.task_arn.rpartition("/")[2], "stop_code": detail.stop_code}
        return self._fail_state(token, has_run=has_run, extra=extra)

    def _end_invocation(self, invocation: InvocationFailed) -> Answer:
        context = invocation.request_context
        extra = {"function": context.function_arn.rpartition(":function:")[2], "stop_code": context.condition}
        has_run = context.condition != _TOO_OLD
        return self._fail_state(invocation.request_payload.task_token, has_run=has_run, extra=extra)

    def _fail_state(self, token: SecretStr, *, has_run: bool, extra: Mapping[str, str | None]) -> Answer:
        error = WORKER_STOPPED if has_run else WORKER_NOT_STARTED
        try:
            self.report_to(token.get_secret_value()).fail(error)
        except TaskGone:
            return Answer.ENDED_BEFORE
        self.logger.warning("a worker died", extra={**extra, "error_name": error})
        return Answer.ENDED

    def _find_token(self, detail: TaskDetail) -> SecretStr | None:
        """Return the task token from the event, or from ECS: AWS does not guarantee that events contain overrides."""
        variables = detail.overrides.variables()
        if TOKEN_VARIABLE not in variables:
            variables = _variables(self.tasks.find_overrides(detail.task_arn))
        return variables.get(TOKEN_VARIABLE)


def _variables(overrides: TaskOverrides | None) -> Mapping[str, SecretStr]:
    return overrides.variables() if overrides else {}
