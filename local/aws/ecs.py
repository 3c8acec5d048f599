"""`ecs:runTask.waitForTaskToken` for moto's interpreter, which has an ECS without containers (getmoto/moto#10076).

A state's arguments become the request that Step Functions would send, which is validated against the API's model and
passed to a callable of ours. moto's own ECS is not used: it would load all of EC2 and run nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import botocore.session
from botocore.model import StructureShape
from botocore.validate import ParamValidator
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_ecs
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_ecs import (
    StateTaskServiceEcs,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from local.aws.tasks import TaskRefused

type RunTask = Callable[[str, Mapping[str, Mapping[str, str]]], str]
"""Starts a task, by definition name and variables by container, and returns its ARN; raises TaskRefused."""

_REFUSED = "AmazonECS.Unknown"
"""The error for failures in RunTask's response. Source: AWS Step Functions, "Run Amazon ECS or Fargate tasks"."""
_METHOD = "_eval_service_task"
_MISSING_PARAMETERS = {"CapacityProviderStrategy"}
"""Parameters that Step Functions passes on and moto drops."""


@contextmanager
def repaired(run: RunTask) -> Iterator[None]:
    """Patch moto so that ECS tasks go to `run` until the block ends."""
    parameters = state_task_service_ecs._SUPPORTED_API_PARAM_BINDINGS  # noqa: SLF001 - the list that is completed here
    with ExitStack() as repairs:
        repairs.callback(parameters.update, parameters.copy())
        parameters["runtask"] = parameters["runtask"] | _MISSING_PARAMETERS
        repairs.callback(setattr, StateTaskServiceEcs, _METHOD, getattr(StateTaskServiceEcs, _METHOD))
        setattr(StateTaskServiceEcs, _METHOD, _service_task(run))
        yield


def _service_task(run: RunTask) -> Callable[..., None]:
    def eval_service_task(
        service: StateTaskServiceEcs, env: Any, normalised_parameters: dict[str, Any], **_: object
    ) -> None:
        request = _request(service, normalised_parameters)
        name = request["taskDefinition"].rpartition("/")[2].partition(":")[0]
        try:
            arn = run(name, _overrides(request))
        except TaskRefused as exc:
            raise FailureEventException(_failure(env, str(exc))) from exc
        task = {"TaskArn": arn, "TaskDefinitionArn": request["taskDefinition"], "LastStatus": "PROVISIONING"}
        env.stack.append({"Tasks": [task], "Failures": []})

    return eval_service_task


def _request(service: StateTaskServiceEcs, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the request with boto's names instead of Step Functions' capitalised ones; ValueError if it is invalid."""
    shape = _run_task_shape()
    service._to_boto_request(parameters, shape)  # noqa: SLF001 - moto's conversion, which moto does not call
    problems = ParamValidator().validate(parameters, shape)
    if problems.has_errors():
        raise ValueError(problems.generate_report())
    return parameters


@cache
def _run_task_shape() -> StructureShape:
    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model("RunTask").input_shape
    assert isinstance(shape, StructureShape)  # noqa: S101 - true for every operation
    return shape


def _overrides(request: dict[str, Any]) -> dict[str, dict[str, str]]:
    containers = request.get("overrides", {}).get("containerOverrides", [])
    return {
        container["name"]: {variable["name"]: variable["value"] for variable in container.get("environment", [])}
        for container in containers
    }


def _failure(env: Any, cause: str) -> FailureEvent:
    details = TaskFailedEventDetails(
        resourceType="ecs", resource="runTask.waitForTaskToken", error=_REFUSED, cause=cause
    )
    return FailureEvent(
        env,
        CustomErrorName(_REFUSED),
        HistoryEventType.TaskFailed,
        EventDetails(taskFailedEventDetails=details),  # type: ignore[typeddict-item]  # an event has exactly one of the details
    )
