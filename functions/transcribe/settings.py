"""What the worker reads from its environment, and what stays of that environment afterwards."""

import os
import uuid
from typing import Literal

from pydantic import AwareDatetime, Field, SecretStr

from whyviral.core.settings import DeployableSettings, MediaLinkSettings, StorageSettings


class JobSettings(DeployableSettings):
    """The job or the queue of jobs; read first, because Step Functions waits for the first heartbeat."""

    task_token: SecretStr | None = None
    """Token of the one job to run, for which the two fields below name the attempt. None: jobs come from the queue."""
    request_id: uuid.UUID | None = None
    attempt: int | None = None
    trace_id: str | None = None
    queued_at: AwareDatetime | None = None
    """When the state machine asked for the job."""
    queue_url: str | None = None
    deadline_s: float = Field(default=600, gt=0)
    """The longest time a job may take."""


class WorkerSettings(StorageSettings, MediaLinkSettings):
    """Settings of the database, the storage and speech recognition."""

    youtube_proxy_url: SecretStr | None = None
    whisper_model: str | None = None
    whisper_device: Literal["cpu", "cuda"] = "cpu"


_RETAINED = frozenset(
    {
        *("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LANGUAGE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"),
        *("AWS_EC2_METADATA_DISABLED", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"),
        *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "HF_HOME", "HF_HUB_OFFLINE", "HF_HUB_CACHE"),
    }
)
_RETAINED_PREFIXES = ("LC_", "PYTHON", "LD_", "NVIDIA_", "CUDA_", "OMP_", "XDG_", "AWS_ENDPOINT_URL", "POWERTOOLS_")


def remove_secrets_from_environment() -> None:
    """Remove every variable that a library of the worker need not read, so that no child process inherits a secret.

    Call it after the settings and the AWS credentials are loaded.
    """
    for name in list(os.environ):
        if name not in _RETAINED and not name.startswith(_RETAINED_PREFIXES):
            del os.environ[name]
