"""Amazon ECS: finds the environment variables that a stopped task was started with."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from pydantic import BaseModel, Field, SecretStr

from .clients import aws_client
from .errors import provider_errors

PROVIDER = "ecs"
_TIMEOUT_S = 2
_TRIES = 2


class EnvironmentVariable(BaseModel):
    """An environment variable of a container; its value may be a secret."""

    name: str
    value: SecretStr | None = None


class ContainerOverride(BaseModel):
    """The values that replace parts of one container's definition."""

    environment: Sequence[EnvironmentVariable] = ()


class TaskOverrides(BaseModel):
    """The values that replace parts of a task's definition, as ECS sends them in events and answers."""

    containers: Sequence[ContainerOverride] = Field(default=(), alias="containerOverrides")

    def variables(self) -> Mapping[str, SecretStr]:
        """Return the environment variables of all containers of the task."""
        variables = (variable for container in self.containers for variable in container.environment)
        return {variable.name: variable.value for variable in variables if variable.value}


class Tasks(Protocol):
    """The tasks of a cluster."""

    def find_overrides(self, task_arn: str) -> TaskOverrides | None:
        """Return the overrides of a task; None once ECS has deleted the task, an hour after its end.

        Raises:
            ProviderError: the call failed.
        """
        ...


class EcsTasks:
    """The `Tasks` of an ECS cluster."""

    def __init__(self, cluster_arn: str) -> None:
        self._cluster_arn = cluster_arn

    @cached_property
    def _client(self) -> Any:
        return aws_client("ecs", timeout_s=_TIMEOUT_S, tries=_TRIES)

    def find_overrides(self, task_arn: str) -> TaskOverrides | None:
        """Call DescribeTasks; see `Tasks.find_overrides`."""
        with provider_errors(PROVIDER, "ECS cannot be reached"):
            tasks = self._client.describe_tasks(cluster=self._cluster_arn, tasks=[task_arn])["tasks"]
        return TaskOverrides.model_validate(tasks[0].get("overrides", {})) if tasks else None
