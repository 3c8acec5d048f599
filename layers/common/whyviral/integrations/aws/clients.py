"""Clients of AWS services, with explicit timeouts and attempts."""

from typing import Any

CONNECT_TIMEOUT_S = 5.0


def aws_client(service: str, *, timeout_s: float, tries: int) -> Any:
    """Return boto3's client for an AWS service.

    Importing boto3 takes a quarter of a second, so create the client with the first call, not at start.

    Args:
        service: the service's name in boto3.
        timeout_s: the read timeout; the connect timeout is 5 s at most.
        tries: the maximum number of attempts for transient failures, the first one included.
    """
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    connect_s = min(CONNECT_TIMEOUT_S, timeout_s)
    config = Config(connect_timeout=connect_s, read_timeout=timeout_s, retries={"total_max_attempts": tries})
    return boto3.client(service, config=config)  # type: ignore[call-overload] # its overloads want a literal


def load_credentials() -> None:
    """Load this process's AWS credentials for all its clients, which then no longer read the environment for them.

    Credentials of a container are renewed at the address that was read here.

    Raises:
        botocore.exceptions.CredentialRetrievalError: the service that gives them does not answer.
    """
    import boto3  # noqa: PLC0415

    boto3.setup_default_session()
    if boto3.DEFAULT_SESSION is not None:
        boto3.DEFAULT_SESSION.get_credentials()
