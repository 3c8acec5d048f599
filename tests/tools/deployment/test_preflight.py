"""What `make preflight` finds in an account."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.aws.template import load_document
from tests.tools.deployment.conftest import FakeLimits
from tools.deployment.account import Account, Image
from tools.deployment.preflight import Check, preflight, print_checks, secret_keys
from tools.deployment.stage import BOOTSTRAP_STACK, ROOT, Stage, read_stage, read_template

TEMPLATE = read_template()
REPOSITORY = "whyviral-bootstrap-transcribe"
DEFAULTS = {name: str(each["Default"]) for name, each in TEMPLATE["Parameters"].items() if "Default" in each}


@pytest.fixture
def stage(samconfig: Path) -> Stage:
    return read_stage("dev", samconfig)


def store_secret(**values: Any) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="whyviral-dev", SecretString=json.dumps(values))


def complete_secret() -> dict[str, str]:
    return dict.fromkeys(secret_keys(TEMPLATE, DEFAULTS), "value")


def prepare(**secret: Any) -> None:
    """Bring everything into the account that a stage needs."""
    boto3.client("cloudformation").create_stack(
        StackName=BOOTSTRAP_STACK,
        TemplateBody=json.dumps(
            {
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {
                    "RepositoryName": {"Value": REPOSITORY},
                    "RepositoryUri": {"Value": f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/{REPOSITORY}"},
                },
            }
        ),
    )
    # moto names the role of a service otherwise than AWS does.
    boto3.client("iam").create_role(RoleName="AWSServiceRoleForECS", AssumeRolePolicyDocument="{}")
    store_secret(**complete_secret() | secret)


def by_subject(checks: list[Check]) -> dict[str, Check]:
    return {check.subject: check for check in checks}


def test_an_empty_account_lacks_what_only_its_owner_can_create(account: Account, stage: Stage) -> None:
    checks = by_subject(list(preflight(stage, account, TEMPLATE)))

    failed = {subject for subject, check in checks.items() if not check.is_ok}
    assert failed == {f"stack {BOOTSTRAP_STACK}", "secret whyviral-dev", "role of ECS"}
    assert all(checks[subject].advice for subject in failed)
    assert "create-service-linked-role" in checks["role of ECS"].advice


def test_a_bootstrap_stack_of_an_older_template_is_reported(
    account: Account, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Account, "stack_outputs", lambda *_: {"RepositoryName": REPOSITORY})

    check = by_subject(list(preflight(stage, account, TEMPLATE)))[f"stack {BOOTSTRAP_STACK}"]

    assert (check.is_ok, check.found) == (False, "has no output RepositoryUri")


def test_a_prepared_account_passes_every_check(
    account: Account, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare()

    assert print_checks(preflight(stage, account, TEMPLATE))

    assert "FAIL" not in capsys.readouterr().out


def test_the_keys_that_a_stage_reads_follow_its_parameters() -> None:
    plain = secret_keys(TEMPLATE, DEFAULTS)
    more = secret_keys(TEMPLATE, DEFAULTS | {"ExtraGeminiKeys": "2", "YouTubeProxyPort": "8080"})

    assert {"SUPABASE_DB_URL", "SUPABASE_SECRET_KEY", "CLERK_SECRET_KEY", "TWITTERAPI_KEY"} <= set(plain)
    assert set(more) - set(plain) == {"GEMINI_API_KEY_1", "GEMINI_API_KEY_2", "YOUTUBE_PROXY_URL"}


def test_a_key_of_the_secret_that_is_empty_is_reported_by_name_and_no_value_is_printed(
    account: Account, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(SUPABASE_URL=" ", CLERK_SECRET_KEY="sk_test_hidden")

    assert not print_checks(preflight(stage, account, TEMPLATE))

    printed = capsys.readouterr().out
    assert "FAIL  secret whyviral-dev: lacks SUPABASE_URL\n" in printed
    assert "sk_test_hidden" not in printed


@pytest.mark.parametrize("text", ["not json", "[]"], ids=["text", "list"])
def test_a_secret_that_is_no_object_is_reported(account: Account, stage: Stage, text: str) -> None:
    boto3.client("secretsmanager").create_secret(Name="whyviral-dev", SecretString=text)

    check = by_subject(list(preflight(stage, account, TEMPLATE)))["secret whyviral-dev"]

    assert (check.is_ok, check.found) == (False, "is not a JSON object")


def test_quotas_below_what_the_parameters_need_are_reported(account: Account, stage: Stage, limits: FakeLimits) -> None:
    limits.fargate_vcpus, limits.lambda_executions = 1, 9

    checks = by_subject(list(preflight(stage, account, TEMPLATE)))

    assert checks["Fargate quota"].found == "1 vCPUs, 2 needed for 1 worker(s), room for 0"
    assert checks["Lambda concurrency"].found == "9 executions at once, 10 needed"
    assert not checks["Fargate quota"].is_ok
    assert not checks["Lambda concurrency"].is_ok


def test_misspelt_and_missing_parameters_are_reported_together(account: Account, samconfig: Path) -> None:
    samconfig.write_text(samconfig.read_text().replace("AllowedHosts=", "AllowdHosts="))

    check = by_subject(list(preflight(read_stage("dev", samconfig), account, TEMPLATE)))["parameters"]

    assert (check.is_ok, check.found) == (False, "no value for AllowedHosts, no parameter AllowdHosts in template.yaml")


def test_a_role_for_logs_that_other_apis_use_is_not_replaced(account: Account, stage: Stage) -> None:
    role = "arn:aws:iam::123456789012:role/logs"
    boto3.client("apigateway").update_account(
        patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}]
    )

    check = by_subject(list(preflight(stage, account, TEMPLATE)))["role for API logs"]

    assert (check.is_ok, check.found) == (False, f"{role} would be replaced")
    assert "ApiLogRole=existing" in check.advice


def test_an_image_that_was_never_pushed_is_reported(account: Account, samconfig: Path) -> None:
    image = f"whyviral-bootstrap-transcribe@sha256:{'0' * 64}"
    samconfig.write_text(samconfig.read_text().replace('"VpcId', f'"TranscribeImage={image}", "VpcId'))

    check = by_subject(list(preflight(read_stage("dev", samconfig), account, TEMPLATE)))["worker's image"]

    assert (check.is_ok, check.found) == (False, f"{image} does not exist")


@pytest.mark.parametrize(
    ("most", "found", "is_ok"), [("0", "always 2", True), ("3", "from 2 to 3", True), ("1", "from 2 to 1", False)]
)
def test_the_numbers_of_warm_workers_must_fit_each_other_and_the_quota(
    account: Account, samconfig: Path, most: str, found: str, *, is_ok: bool
) -> None:
    given = f'"TranscribeMode=warm", "WarmWorkers=2", "MaxWarmWorkers={most}"'
    samconfig.write_text(samconfig.read_text().replace('"VpcId', f'{given}, "VpcId'))

    checks = by_subject(list(preflight(read_stage("dev", samconfig), account, TEMPLATE)))

    assert (checks["warm workers"].found, checks["warm workers"].is_ok) == (found, is_ok)
    needed = max(2, int(most))
    assert f"{2 * needed} needed for {needed} worker(s)" in checks["Fargate quota"].found


def on_lambda(samconfig: Path, *parameters: str) -> Stage:
    given = ", ".join(f'"{each}"' for each in ("TranscribeCompute=lambda-cpu", *parameters))
    samconfig.write_text(samconfig.read_text().replace('"VpcId', f'{given}, "VpcId'))
    return read_stage("dev", samconfig)


def create_repository(policy: dict[str, Any] | None) -> None:
    client = boto3.client("ecr")
    client.create_repository(repositoryName=REPOSITORY)
    if policy is not None:
        client.set_repository_policy(repositoryName=REPOSITORY, policyText=json.dumps(policy))


def policy_of_bootstrap() -> dict[str, Any]:
    functions = "arn:aws:lambda:eu-central-1:123456789012:function:*"
    document = load_document(ROOT / "bootstrap.yaml")
    policy: dict[str, Any] = document["Resources"]["Repository"]["Properties"]["RepositoryPolicyText"]
    (statement,) = policy["Statement"]
    # The key that AWS documents for Lambda.
    assert statement["Condition"]["StringLike"].keys() == {"aws:SourceArn"}
    return policy | {"Statement": [statement | {"Condition": {"StringLike": {"aws:SourceArn": functions}}}]}


def test_the_repository_of_bootstrap_yaml_lets_lambda_pull(account: Account, samconfig: Path) -> None:
    prepare()
    create_repository(policy_of_bootstrap())

    checks = by_subject(list(preflight(on_lambda(samconfig), account, TEMPLATE)))

    assert checks["policy of the repository"] == Check(
        "policy of the repository", True, f"{REPOSITORY} lets Lambda pull", checks["policy of the repository"].advice
    )
    assert checks["Lambda concurrency"].found == "1000 executions at once, 11 needed"


@pytest.mark.parametrize(
    "policy",
    [
        None,
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "ecr:BatchGetImage",
                }
            ],
        },
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}],
        },
    ],
    ids=["no policy", "one action", "others"],
)
def test_a_repository_from_which_lambda_cannot_pull_is_reported(
    account: Account, samconfig: Path, policy: dict[str, Any] | None
) -> None:
    prepare()
    create_repository(policy)

    check = by_subject(list(preflight(on_lambda(samconfig), account, TEMPLATE)))["policy of the repository"]

    assert (check.is_ok, check.found) == (False, f"{REPOSITORY} does not let Lambda pull")
    assert "bootstrap" in check.advice


def test_an_image_that_is_too_large_for_lambda_is_reported(
    account: Account, samconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = f"{REPOSITORY}@sha256:{'0' * 64}"
    monkeypatch.setattr(Account, "find_image", lambda *_, **__: Image(f"sha256:{'0' * 64}", 10_100_000_000))

    check = by_subject(list(preflight(on_lambda(samconfig, f"TranscribeImage={image}"), account, TEMPLATE)))

    assert not check["worker's image"].is_ok
    assert check["worker's image"].found.endswith("exists, 10.1 GB compressed")


def test_bootstrap_yaml_gives_what_a_deployment_reads() -> None:
    text = (ROOT / "bootstrap.yaml").read_text()

    for output in ("RepositoryName", "RepositoryUri", "VpcId", "SubnetIds", "DeployRoleArn", "CloudFormationRoleArn"):
        assert f"\n  {output}:\n" in text.partition("\nOutputs:")[2]
