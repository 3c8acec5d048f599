"""Clients of AWS, none of which waits without end."""

from typing import Any

CONNECT_TIMEOUT_S = 5.0


def aws_client(service: str, *, timeout_s: float, tries: int) -> Any:
    """Return a client of an AWS service, which boto3 generates from the service's description.

    It imports boto3, a quarter of a second that those who never call need not pay: make it with the first call.

    Args:
        service: boto3's name of it.
        timeout_s: how long an answer, or its next piece, may take; connecting takes 5 s at most.
        tries: how often a call is made, repeats included, that fails for a reason that may pass.
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
