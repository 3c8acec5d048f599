"""The steps of `make deploy`."""

from pathlib import Path

import boto3
import pytest

from tests.tools.deployment.test_preflight import prepare
from tools.deployment import deploy as steps
from tools.deployment.account import Account
from tools.deployment.deploy import DeploymentFailed, deploy, deploy_command
from tools.deployment.stage import read_stage

IMAGE = f"whyviral-bootstrap-transcribe@sha256:{'ab' * 32}"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, list[str]]]:
    """The steps that were run, none of which does anything."""
    done: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(steps, "_step", lambda name, command: done.append((name, command)))

    def push_image(_account: Account, *, device: str) -> str:
        done.append(("image", [device]))
        return IMAGE

    monkeypatch.setattr(steps, "push_image", push_image)
    monkeypatch.setattr(steps, "_BUILD", tmp_path)
    return done


def test_the_stack_gets_every_parameter_and_the_release(samconfig: Path) -> None:
    stage = read_stage("dev", samconfig)

    command = deploy_command(
        stage, stage.parameters, release="f" * 64, repository_uri="1.dkr/images", role_arn="arn:aws:iam::1:role/deploys"
    )

    assert command[1:5] == ["deploy", "--config-env", "dev", "--parameter-overrides"]
    assert {f"{name}={value}" for name, value in stage.parameters.items()} < set(command)
    assert f"Release={'f' * 64}" in command
    assert command[-5:-3] == ["--image-repository", "1.dkr/images"]
    assert command[-3:] == ["--role-arn", "arn:aws:iam::1:role/deploys", "--no-confirm-changeset"]


def test_a_deployment_builds_before_it_changes_anything_and_tries_the_result(
    account: Account, samconfig: Path, run: list[tuple[str, list[str]]]
) -> None:
    prepare()
    boto3.client("cloudformation").create_stack(
        StackName="whyviral-dev",
        TemplateBody='{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"ApiUrl": {"Value": "https://a.example"}}}',
    )

    deploy(read_stage("dev", samconfig), account)

    assert [name for name, _ in run] == ["build", "image", "migrate", "deploy", "smoke"]
    commands = dict(run)
    assert f"TranscribeImage={IMAGE}" in commands["deploy"]
    assert any(part.startswith("SecretArn=arn:aws:secretsmanager:eu-central-1:") for part in commands["deploy"])
    assert commands["smoke"][-1] == "https://a.example"


def test_a_failed_check_ends_the_deployment_before_its_first_step(
    account: Account, samconfig: Path, run: list[tuple[str, list[str]]]
) -> None:
    with pytest.raises(DeploymentFailed, match="nothing was changed"):
        deploy(read_stage("dev", samconfig), account)

    assert run == []


def test_a_failed_step_is_named() -> None:
    with pytest.raises(DeploymentFailed, match="build failed with status 1"):
        steps._step("build", ["false"])
