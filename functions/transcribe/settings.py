"""What the worker reads from its environment."""

import uuid
from typing import Literal

from pydantic import Field, SecretStr

from whyviral.core.settings import DeployableSettings, StorageSettings


class JobSettings(DeployableSettings):
    """Which work there is; read before anything else, because Step Functions waits for the first heartbeat."""

    task_token: SecretStr | None = None
    """One job; beside it the attempt of which request. None: jobs come from the queue."""
    request_id: uuid.UUID | None = None
    attempt: int | None = None
    queue_url: str | None = None
    deadline_s: float = Field(default=600, gt=0)
    """What one job may take, from its start."""


class WorkerSettings(StorageSettings):
    """Database, storage, and speech recognition."""

    youtube_proxy_url: SecretStr | None = None
    whisper_model: str | None = None
    whisper_device: Literal["cpu", "cuda"] = "cpu"
