"""Amazon ECS as somebody who asks about a task that has stopped."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from pydantic import BaseModel, Field, SecretStr

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError

from .clients import aws_client

PROVIDER = "ecs"
_TIMEOUT_S = 2
_TRIES = 2


class Variable(BaseModel):
    """A variable of a container; it may be a secret."""

    name: str
    value: SecretStr | None = None


class ContainerOverride(BaseModel):
    """What one container was given beside its definition."""

    environment: Sequence[Variable] = ()


class TaskOverrides(BaseModel):
    """What a task was given beside its definition, as events and answers of ECS spell it."""

    containers: Sequence[ContainerOverride] = Field(default=(), alias="containerOverrides")

    def variables(self) -> Mapping[str, SecretStr]:
        """Return the variables of all its containers."""
        every = (variable for container in self.containers for variable in container.environment)
        return {variable.name: variable.value for variable in every if variable.value}


class Tasks(Protocol):
    """Tasks of a cluster."""

    def find_overrides(self, task_arn: str) -> TaskOverrides | None:
        """Return what a task was given; None when it is no longer known, as an hour after its end.

        Raises:
            ProviderError: nobody could be asked.
        """
        ...


class EcsTasks:
    """`Tasks` of ECS."""

    def __init__(self, cluster_arn: str) -> None:
        self._cluster_arn = cluster_arn

    @cached_property
    def _client(self) -> Any:
        return aws_client("ecs", timeout_s=_TIMEOUT_S, tries=_TRIES)

    def find_overrides(self, task_arn: str) -> TaskOverrides | None:
        """Ask for the task; see `Tasks.find_overrides`."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            tasks = self._client.describe_tasks(cluster=self._cluster_arn, tasks=[task_arn])["tasks"]
        except (BotoCoreError, ClientError) as exc:
            raise ProviderError(
                f"ECS cannot be reached ({type(exc).__name__})",
                provider=PROVIDER,
                category=ErrorCategory.PROVIDER_ERROR,
                is_transient=True,
            ) from exc
        return TaskOverrides.model_validate(tasks[0].get("overrides", {})) if tasks else None
