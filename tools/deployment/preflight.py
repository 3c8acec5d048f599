"""`make preflight STAGE=`: checks, without changing anything, what a deployment would need and does not have.

usage: python -m tools.deployment.preflight STAGE
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.deployment.account import FARGATE_VCPU_QUOTA, Account
from tools.deployment.renderer import render
from tools.deployment.stage import (
    BOOTSTRAP_STACK,
    Stage,
    UnknownStage,
    missing_parameters,
    read_stage,
    read_template,
    unknown_parameters,
)

_OUTPUTS = ("RepositoryName", "RepositoryUri")
"""What a deployment reads from the bootstrap stack; one of an older bootstrap.yaml may lack some."""
_ECS_ROLE = "AWSServiceRoleForECS"
_LAMBDA = "lambda-cpu"
_PULL = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
_MAX_IMAGE_BYTES = 10_000_000_000
"""The limit of Lambda for an image, which it applies uncompressed. Source: AWS Lambda, "Lambda quotas" (2026-11-28)."""
_OTHER_IMAGE = "make image, or another TranscribeImage"
_SECRET_KEY = re.compile(r"\{\{resolve:secretsmanager:\$\{SecretName\}:SecretString:(\w+):|\$\{SecretArn\}:(\w+):")
_API_EXECUTIONS = 5
"""The functions of the API that should be able to run while all posts of one request are in work."""
_UNRESERVED = 100
"""Lambda keeps as many executions unreserved. Source: AWS Lambda, "Configuring reserved concurrency" (2026-11-28)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    subject: str
    is_ok: bool
    found: str
    advice: str = ""
    """What to do if it is not ok."""


def preflight(stage: Stage, account: Account, template: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the result of each check. A call that AWS refuses is a failed check, and the others go on."""
    parameters = {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}
    outputs = account.stack_outputs(BOOTSTRAP_STACK)
    given = stage.parameters_with(outputs)
    parameters |= given
    yield _check_parameters(template, given)
    missing = [name for name in _OUTPUTS if name not in outputs]
    yield Check(
        f"stack {BOOTSTRAP_STACK}",
        not missing,
        (f"has no output {', '.join(missing)}" if missing else "exists") if outputs else "does not exist",
        f"aws cloudformation deploy --stack-name {BOOTSTRAP_STACK} --template-file bootstrap.yaml "
        "--capabilities CAPABILITY_IAM",
    )
    checks: dict[str, Callable[[], Check]] = {
        "secret": lambda: _check_secret(template, account, parameters),
        "Fargate quota": lambda: _check_fargate(account, parameters),
        "Lambda concurrency": lambda: _check_lambda(account, parameters),
        "role of ECS": lambda: _check_ecs_role(account),
        "role for API logs": lambda: _check_log_role(
            account, parameters, is_new=not account.stack_outputs(stage.stack_name)
        ),
    }
    if "TranscribeImage" in stage.parameters:
        checks["worker's image"] = lambda: _check_image(account, stage.parameters["TranscribeImage"])
    if parameters["TranscribeMode"] == "warm":
        checks["warm workers"] = lambda: _check_warm_workers(parameters)
    if parameters["TranscribeCompute"] == _LAMBDA:
        repository = stage.parameters.get("TranscribeImage", outputs.get("RepositoryName", "")).partition("@")[0]
        checks["policy of the repository"] = lambda: _check_repository(account, repository)
    for subject, check in checks.items():
        try:
            yield check()
        except ClientError as exc:
            error = exc.response["Error"]
            yield Check(subject, is_ok=False, found=f"{error['Code']}: {error['Message']}", advice="allow the call")


def _check_parameters(template: Mapping[str, Any], given: Mapping[str, str]) -> Check:
    missing, unknown = missing_parameters(template, given), unknown_parameters(template, given)
    problems = [f"no value for {name}" for name in missing] + [
        f"no parameter {name} in template.yaml" for name in unknown
    ]
    return Check(
        "parameters",
        not problems,
        ", ".join(problems) or f"{len(given)} given",
        "edit parameter_overrides of the stage in samconfig.toml; docs/deploy.md explains each parameter",
    )


def secret_keys(template: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """Return the keys that a stack with these parameters reads from its secret."""
    rendered = json.dumps([render(dict(template), **parameters), template["Globals"]])
    return sorted({first or second for first, second in _SECRET_KEY.findall(rendered)})


def _check_secret(template: Mapping[str, Any], account: Account, parameters: Mapping[str, str]) -> Check:
    name = parameters.get("SecretName", "")
    subject, secret = f"secret {name}", account.find_secret(name) if name else None
    if secret is None:
        return Check(subject, is_ok=False, found="does not exist", advice="docs/deploy.md, step 1, creates it")
    needed = secret_keys(template, parameters)
    try:
        values = json.loads(secret.text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return Check(
            subject, is_ok=False, found="is not a JSON object", advice="store an object with the keys of docs/deploy.md"
        )
    missing = [key for key in needed if not str(values.get(key) or "").strip()]
    return Check(
        subject,
        not missing,
        f"lacks {', '.join(missing)}" if missing else f"has the {len(needed)} keys that this stage reads",
        "add the keys, and give the new version as SecretVersionId if the stack exists",
    )


def _most_workers(parameters: Mapping[str, str]) -> int:
    """Return how many workers of the mode "warm" may run at once; 1 for the mode "task"."""
    is_warm = parameters["TranscribeMode"] == "warm"
    return max(int(parameters["WarmWorkers"]), int(parameters["MaxWarmWorkers"])) if is_warm else 1


def _check_warm_workers(parameters: Mapping[str, str]) -> Check:
    least, most = int(parameters["WarmWorkers"]), int(parameters["MaxWarmWorkers"])
    return Check(
        "warm workers",
        most == 0 or most >= least,
        f"from {least} to {most}" if most else f"always {least}",
        "give MaxWarmWorkers=0, or at least as many as WarmWorkers",
    )


def _check_fargate(account: Account, parameters: Mapping[str, str]) -> Check:
    if parameters["TranscribeCompute"] == "managed-gpu":
        return Check("Fargate quota", is_ok=True, found="not used by managed-gpu")
    workers = _most_workers(parameters)
    vcpus, quota = int(parameters["TranscribeVcpus"]), account.fargate_vcpus()
    needed = workers * vcpus
    return Check(
        "Fargate quota",
        quota >= needed,
        f"{quota:g} vCPUs, {needed} needed for {workers} worker(s), room for {quota // vcpus:g}",
        f"raise the quota {FARGATE_VCPU_QUOTA}, or lower TranscribeVcpus",
    )


def _check_lambda(account: Account, parameters: Mapping[str, str]) -> Check:
    reserved = sum(int(value) for name, value in parameters.items() if name.startswith("Reserve"))
    workers = parameters["TranscribeCompute"] == _LAMBDA
    needed = int(parameters["MapConcurrency"]) + _API_EXECUTIONS + workers
    needed += reserved + _UNRESERVED if reserved else 0
    limit = account.lambda_concurrency()
    return Check(
        "Lambda concurrency",
        limit >= needed,
        f"{limit} executions at once, {needed} needed" + (f" with {reserved} reserved" if reserved else ""),
        "raise the quota L-B99A9384, or lower MapConcurrency and the Reserve parameters",
    )


def _check_ecs_role(account: Account) -> Check:
    exists = account.has_role(_ECS_ROLE)
    return Check(
        "role of ECS",
        exists,
        f"{_ECS_ROLE} {'exists' if exists else 'does not exist'}",
        "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
    )


def _check_log_role(account: Account, parameters: Mapping[str, str], *, is_new: bool) -> Check:
    role, mode = account.api_log_role(), parameters["ApiLogRole"]
    subject = "role for API logs"
    if mode == "existing":
        return Check(subject, role is not None, role or "there is none", "give ApiLogRole=create")
    takes_over = is_new and role is not None
    return Check(
        subject,
        not takes_over,
        f"{role} would be replaced" if takes_over else "this stack has or creates it",
        "give ApiLogRole=existing, because other APIs of this account write logs with that role",
    )


def _check_image(account: Account, image: str) -> Check:
    repository, _, digest = image.partition("@")
    found = account.find_image(repository, imageDigest=digest)
    if found is None:
        return Check("worker's image", is_ok=False, found=f"{image} does not exist", advice=_OTHER_IMAGE)
    size = f"{found.compressed_bytes / 1e9:.1f} GB compressed"
    return Check("worker's image", found.compressed_bytes <= _MAX_IMAGE_BYTES, f"{image} exists, {size}", _OTHER_IMAGE)


def _check_repository(account: Account, repository: str) -> Check:
    subject = "policy of the repository"
    if not repository:
        return Check(subject, is_ok=False, found="there is no repository", advice="create the bootstrap stack")
    granted = {
        action
        for statement in account.repository_policy(repository)["Statement"]
        if statement["Effect"] == "Allow" and "lambda.amazonaws.com" in _as_list(statement["Principal"], "Service")
        for action in _as_list(statement["Action"])
    }
    return Check(
        subject,
        granted >= _PULL,
        f"{repository} {'lets' if granted >= _PULL else 'does not let'} Lambda pull",
        "update the bootstrap stack, whose repository has that policy",
    )


def _as_list(value: Any, key: str | None = None) -> list[Any]:
    """Return a part of a policy as a list; AWS writes lists of one as their element."""
    if key is not None:
        value = value.get(key, []) if isinstance(value, Mapping) else []
    return value if isinstance(value, list) else [value]


def print_checks(checks: Iterator[Check]) -> bool:
    """Print each check as it is made, and return whether all are ok."""
    is_ok = True
    for check in checks:
        print(f"{'ok  ' if check.is_ok else 'FAIL'}  {check.subject}: {check.found}")
        if not check.is_ok:
            print(f"      to do: {check.advice}")
            is_ok = False
    return is_ok


def main(arguments: list[str]) -> int:
    """Check the stage that the arguments name, and return the exit status."""
    try:
        stage = read_stage(arguments[0] if arguments else "")
        account = Account()
        identity = account.identity()
        print(f"stage {stage.name}: stack {stage.stack_name}, account {identity.account_id}, {identity.region}")
        print(f"as {identity.arn}")
        return 0 if print_checks(preflight(stage, account, read_template())) else 1
    except (UnknownStage, BotoCoreError, ClientError) as exc:
        print(f"whyviral: {exc}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
