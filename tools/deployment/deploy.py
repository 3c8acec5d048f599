"""`make deploy STAGE=`: checks the account, migrates the database, builds, deploys the stack and tries it.

usage: python -m tools.deployment.deploy STAGE
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tools.deployment.account import Account
from tools.deployment.image import ImageNotBuilt, push_image
from tools.deployment.preflight import preflight, print_checks
from tools.deployment.release import compute_release
from tools.deployment.stage import BOOTSTRAP_STACK, ROOT, Stage, UnknownStage, read_stage, read_template

_BUILD = ROOT / ".aws-sam" / "build"
_SAM = ".tools/sam/bin/sam"


class DeploymentFailed(Exception):
    """A step failed; the steps after it were not run."""


def deploy_command(
    stage: Stage, parameters: Mapping[str, str], *, release: str, repository_uri: str, role_arn: str | None = None
) -> list[str]:
    """Return the command that deploys the built packages.

    The command line replaces the parameters of samconfig.toml, so it names all of them. SAM wants a repository because
    the template has a function with an image, and pushes nothing to it: the template names the image's address.
    """
    overrides = {**parameters, "Release": release}
    command = [_SAM, "deploy", "--config-env", stage.name, "--parameter-overrides"]
    command += [f"{name}={value}" for name, value in sorted(overrides.items())]
    command += ["--image-repository", repository_uri]
    if role_arn:
        command += ["--role-arn", role_arn]
    return command if stage.confirms and sys.stdin.isatty() else [*command, "--no-confirm-changeset"]


def deploy(stage: Stage, account: Account) -> None:
    """Run every step in order.

    Raises:
        DeploymentFailed: a step failed.
        ImageNotBuilt: the worker's image could not be built or pushed.
    """
    template = read_template()
    if not print_checks(preflight(stage, account, template)):
        raise DeploymentFailed("The checks above failed; nothing was changed.")
    outputs = account.stack_outputs(BOOTSTRAP_STACK)
    parameters = stage.parameters_with(outputs)
    secret = account.find_secret(parameters["SecretName"])
    if secret is None:
        raise DeploymentFailed(f"The secret {parameters['SecretName']} does not exist.")
    parameters["SecretArn"] = secret.arn
    architecture = parameters.get("Architecture", template["Parameters"]["Architecture"]["Default"])
    _step("build", ["make", "build", f"ARCHITECTURE={architecture}"])
    if "TranscribeImage" not in parameters:
        device = "cuda" if parameters.get("TranscribeCompute") == "managed-gpu" else "cpu"
        parameters["TranscribeImage"] = push_image(account, device=device)
    _step("migrate", [sys.executable, "-m", "tools.migrate"])
    release = compute_release(_BUILD, parameters)
    command = deploy_command(
        stage,
        parameters,
        release=release,
        repository_uri=outputs["RepositoryUri"],
        role_arn=outputs.get("CloudFormationRoleArn"),
    )
    _step("deploy", command)
    address = account.stack_outputs(stage.stack_name)["ApiUrl"]
    _step("smoke", [sys.executable, "-m", "tools.deployment.smoke", address])


def _step(name: str, command: list[str], *, folder: Path = ROOT) -> None:
    print(f"--- {name}", flush=True)
    done = subprocess.run(command, cwd=folder, env=os.environ | {"SAM_CLI_TELEMETRY": "0"}, check=False)
    if done.returncode:
        raise DeploymentFailed(f"{name} failed with status {done.returncode}; the steps after it were not run.")


def main(arguments: list[str]) -> int:
    """Deploy the stage that the arguments name, and return the exit status."""
    try:
        deploy(read_stage(arguments[0] if arguments else ""), Account())
    except (DeploymentFailed, ImageNotBuilt, UnknownStage, BotoCoreError, ClientError) as exc:
        print(f"whyviral: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
