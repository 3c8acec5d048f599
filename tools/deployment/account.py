"""The account of a deployment, as the read-only calls of `make preflight` see it."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError

FARGATE_VCPU_QUOTA = "L-3032A538"
"""Fargate On-Demand vCPU resource count. Source: Service Quotas, service code "fargate" (2026-11-28)."""
_ABSENT = frozenset(
    {
        "ImageNotFoundException",
        "NoSuchEntity",
        "NoSuchEntityException",
        "RepositoryNotFoundException",
        "RepositoryPolicyNotFoundException",
        "ResourceNotFoundException",
        "ValidationError",  # CloudFormation's answer for a stack that does not exist
    }
)

type BuildClient = Callable[[str], Any]


def _build_client(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload] # its overloads want a literal


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, and where."""

    account_id: str
    arn: str
    region: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of Secrets Manager."""

    arn: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the account's registry."""

    digest: str
    compressed_bytes: int


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """Credentials for `docker login`."""

    registry: str
    user: str
    password: str = field(repr=False)


class Account:
    """Reads what a deployment depends on. Every method makes one call and changes nothing."""

    def __init__(self, build_client: BuildClient | None = None) -> None:
        """Create the reader; by default with the credentials and the region of the environment."""
        self._build_client = build_client or _build_client

    def identity(self) -> Identity:
        """Return the account, the caller and the region of the credentials in use."""
        client = self._build_client("sts")
        found = client.get_caller_identity()
        return Identity(found["Account"], found["Arn"], client.meta.region_name)

    def stack_outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of a stack; empty if it does not exist."""
        found = self._find("cloudformation", "describe_stacks", StackName=stack)
        outputs = found["Stacks"][0].get("Outputs", []) if found else []
        return {each["OutputKey"]: each["OutputValue"] for each in outputs}

    def find_secret(self, name: str) -> Secret | None:
        """Return a secret, or None if there is none of this name."""
        found = self._find("secretsmanager", "get_secret_value", SecretId=name)
        return None if found is None else Secret(found["ARN"], str(found.get("SecretString", "")))

    def fargate_vcpus(self) -> float:
        """Return how many vCPUs Fargate may run at once in this region."""
        client = self._build_client("service-quotas")
        found: Mapping[str, Any] = client.get_service_quota(ServiceCode="fargate", QuotaCode=FARGATE_VCPU_QUOTA)
        return float(found["Quota"]["Value"])

    def lambda_concurrency(self) -> int:
        """Return how many executions of functions this account may run at once in this region."""
        found = self._build_client("lambda").get_account_settings()
        return int(found["AccountLimit"]["ConcurrentExecutions"])

    def has_role(self, name: str) -> bool:
        """Return whether the account has an IAM role."""
        return self._find("iam", "get_role", RoleName=name) is not None

    def api_log_role(self) -> str | None:
        """Return the ARN of the role with which API Gateway writes logs in this region, if there is one."""
        found = self._build_client("apigateway").get_account()
        return found.get("cloudwatchRoleArn") or None

    def find_image(self, repository: str, **image: str) -> Image | None:
        """Return the image that `imageTag` or `imageDigest` names; None if the account lacks it."""
        found = self._find("ecr", "describe_images", repositoryName=repository, imageIds=[image])
        if found is None:
            return None
        details = found["imageDetails"][0]
        return Image(str(details["imageDigest"]), int(details["imageSizeInBytes"]))

    def repository_policy(self, repository: str) -> Mapping[str, Any]:
        """Return the policy of a repository of images, which has no statements if there is none."""
        found = self._find("ecr", "get_repository_policy", repositoryName=repository)
        policy: Mapping[str, Any] = json.loads(found["policyText"]) if found else {"Statement": []}
        return policy

    def log_in_to_registry(self) -> RegistryLogin:
        """Return credentials of the account's registry, which are valid for some hours."""
        grant = self._build_client("ecr").get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(grant["authorizationToken"]).decode().partition(":")
        return RegistryLogin(grant["proxyEndpoint"].removeprefix("https://"), user, password)

    def _find(self, service: str, operation: str, **arguments: Any) -> Mapping[str, Any] | None:
        """Make a call and return its answer, or None if AWS says that what it names does not exist."""
        try:
            answer: Mapping[str, Any] = getattr(self._build_client(service), operation)(**arguments)
        except ClientError as exc:
            if exc.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return answer
