"""Checks the worker as a function, which exists only with the compute lambda-cpu."""

import re

import pytest

from functions.transcribe.deadline import TO_SAVE_S
from functions.transcribe.decoder.isolated_decoder import MAX_FOLDER_BYTES
from functions.transcribe.medium_reader import MAX_FILE_BYTES
from local.aws.template import read_template
from tests.template.conftest import ROOT, Properties, of_type
from tools.deployment.renderer import render

OWN = {
    "TranscribeFunction",
    "TranscribeFunctionRole",
    "TranscribeFunctionLogGroup",
    "TranscribeInvocations",
    "ReportInvocationPolicy",
    "InvokeTranscribePolicy",
}
INVOKE = "lambda:InvokeFunction"


@pytest.fixture(scope="module")
def rendered(document: Properties) -> Properties:
    return render(document, TranscribeCompute="lambda-cpu", YouTubeProxyPort=8080)


@pytest.fixture(scope="module")
def function(rendered: Properties) -> Properties:
    found: Properties = rendered["TranscribeFunction"]["Properties"]
    return found


def test_other_computes_have_neither_the_function_nor_its_permissions(document: Properties) -> None:
    default = render(document)

    for resources in (default, render(document, TranscribeCompute="managed-gpu")):
        assert resources.keys() & OWN == set()
        assert "TranscribeFunction'" not in repr(resources)
    assert render(document, TranscribeCompute="lambda-cpu").keys() - default.keys() == OWN


def test_the_function_runs_the_image_of_the_task_with_another_entry_point(
    rendered: Properties, function: Properties
) -> None:
    (container,) = rendered["TranscribeTask"]["Properties"]["ContainerDefinitions"]
    dockerfile = (ROOT / "functions" / "transcribe" / "Dockerfile").read_text(encoding="utf-8").splitlines()

    assert (function["PackageType"], function["Architectures"]) == ("Image", ["x86_64"])
    assert function["Code"]["ImageUri"] == container["Image"]
    assert function["ImageConfig"]["EntryPoint"] == ["python", "-m", "awslambdaric"]
    assert f"WORKDIR {function['ImageConfig']['WorkingDirectory']}" in dockerfile
    assert "VpcConfig" not in function
    locked = (ROOT / "requirements" / "transcribe.txt").read_text(encoding="utf-8")
    assert re.search(r"^awslambdaric==", locked, re.MULTILINE)


def test_the_handler_exists(function: Properties) -> None:
    (command,) = function["ImageConfig"]["Command"]
    module, _, attribute = command.rpartition(".")

    assert f"def {attribute}(" in (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")


def test_the_function_gets_no_secret_of_another(function: Properties) -> None:
    secrets = {name for name, value in function["Environment"]["Variables"].items() if "resolve:" in repr(value)}

    assert secrets == {"SUPABASE_DB_URL", "SUPABASE_URL", "SUPABASE_SECRET_KEY", "YOUTUBE_PROXY_URL"}


def test_a_job_ends_and_reports_before_lambda_ends_the_function(document: Properties, function: Properties) -> None:
    worker = document["Mappings"]["Worker"]["lambda-cpu"]

    assert function["Timeout"] == 900
    assert int(worker["Deadline"]) + TO_SAVE_S <= function["Timeout"]
    assert int(worker["Timeout"]) < function["Timeout"]
    assert worker == document["Mappings"]["Worker"]["fargate-cpu"]


def test_the_files_of_the_largest_medium_fit_its_storage(function: Properties) -> None:
    assert function["EphemeralStorage"]["Size"] * 1024**2 >= MAX_FILE_BYTES + MAX_FOLDER_BYTES


def test_a_failed_invocation_is_not_repeated_and_its_record_fails_the_waiting_state(
    rendered: Properties, document: Properties
) -> None:
    invocations = rendered["TranscribeInvocations"]
    properties = invocations["Properties"]

    assert properties["FunctionName"] == {"Ref": "TranscribeFunction"}
    assert properties["MaximumRetryAttempts"] == 0
    assert properties["MaximumEventAgeInSeconds"] < int(document["Mappings"]["Worker"]["lambda-cpu"]["Heartbeat"])
    destination = {"Fn::GetAtt": ["FailureEventsFunction", "Arn"]}
    assert properties["DestinationConfig"] == {"OnFailure": {"Destination": destination}}
    # Lambda checks the permission when it creates the configuration.
    assert invocations["DependsOn"] == "ReportInvocationPolicy"
    policy = rendered["ReportInvocationPolicy"]["Properties"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["RoleName"] == {"Ref": "TranscribeFunctionRole"}
    assert (statement["Action"], statement["Resource"]) == (INVOKE, destination)


def test_the_state_machine_may_invoke_the_function_and_does_so_by_its_arn(rendered: Properties) -> None:
    arn = {"Fn::GetAtt": ["TranscribeFunction", "Arn"]}
    policy = rendered["InvokeTranscribePolicy"]["Properties"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    given = rendered["AnalysisStateMachine"]["Properties"]["DefinitionSubstitutions"]

    assert policy["RoleName"] == {"Ref": "AnalysisRole"}
    assert (statement["Action"], statement["Resource"]) == (INVOKE, arn)
    assert (given["TranscribeFunctionArn"], given["TranscribeCompute"]) == (arn, {"Ref": "TranscribeCompute"})


def test_the_function_has_its_own_role_and_writes_only_to_its_own_log_group(
    rendered: Properties, function: Properties
) -> None:
    others = of_type(rendered, "AWS::Serverless::Function").values()
    group = {"Fn::GetAtt": ["TranscribeFunctionLogGroup", "Arn"]}

    assert function["Role"] == {"Fn::GetAtt": ["TranscribeFunctionRole", "Arn"]}
    assert function["Role"] not in [other["Role"] for other in others]
    (policy,) = rendered["TranscribeFunctionRole"]["Properties"]["Policies"]
    logs = [each for each in policy["PolicyDocument"]["Statement"] if "logs:" in repr(each)]
    assert [each["Resource"] for each in logs] == [group]
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": "TranscribeFunctionLogGroup"}
    assert rendered["TranscribeFunctionLogGroup"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_its_executions_can_be_reserved(document: Properties, function: Properties) -> None:
    limited = render(document, TranscribeCompute="lambda-cpu", ReserveTranscribe=5)["TranscribeFunction"]["Properties"]

    assert "ReservedConcurrentExecutions" not in function
    assert limited["ReservedConcurrentExecutions"] == {"Ref": "ReserveTranscribe"}


def test_longer_media_still_have_a_task_on_fargate(rendered: Properties) -> None:
    machine = rendered["AnalysisStateMachine"]["Properties"]["DefinitionSubstitutions"]

    assert machine["CapacityProvider"] == "FARGATE"
    assert machine["TranscribeTaskArn"] == {"Ref": "TranscribeTask"}


def test_the_local_stack_reads_the_same_function(function: Properties) -> None:
    spec = read_template(ROOT / "template.yaml").functions["TranscribeFunction"]

    assert ([spec.handler], spec.timeout_s, spec.is_image) == (function["ImageConfig"]["Command"], 900, True)
    assert spec.variables == function["Environment"]["Variables"].keys()
