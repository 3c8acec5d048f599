"""An account in moto, and stages in a file of the test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tools.deployment.account import Account

REGION = "eu-central-1"


class FakeLimits:
    """Answers the calls about quotas, which moto does not know; everything else goes to moto."""

    def __init__(self) -> None:
        self.fargate_vcpus = 6.0
        self.lambda_executions = 1000

    def client(self, service: str) -> Any:
        return {"service-quotas": self, "lambda": self}.get(service) or boto3.client(service, region_name=REGION)  # type: ignore[call-overload]

    def get_service_quota(self, *, ServiceCode: str, QuotaCode: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert (ServiceCode, QuotaCode) == ("fargate", "L-3032A538")
        return {"Quota": {"Value": self.fargate_vcpus}}

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"ConcurrentExecutions": self.lambda_executions}}


@pytest.fixture
def limits() -> FakeLimits:
    return FakeLimits()


@pytest.fixture
def account(limits: FakeLimits, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An empty account."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Account(limits.client)


@pytest.fixture
def samconfig(tmp_path: Path) -> Path:
    path = tmp_path / "samconfig.toml"
    path.write_text("""
[default.build.parameters]
build_in_source = true

[dev.deploy.parameters]
stack_name = "whyviral-dev"
parameter_overrides = ["SecretName=whyviral-dev", "ClerkPublishableKey=pk_test_Y2xlcms=",
  "PublicBaseUrl=https://api.example.com",
  "AllowedHosts=api.example.com", "DodoMode=test", "FrontendUrl=https://app.example.com",
  "VpcId=vpc-1", "SubnetIds=subnet-1,subnet-2"]
""")
    return path
