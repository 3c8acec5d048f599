"""Checks the worker that template.yaml describes, for each compute and each mode."""

import json
import os
import re
from itertools import product

import pytest

from functions.transcribe.settings import JobSettings, WorkerSettings
from local.aws.template import read_template
from tests.template.conftest import ROOT, Properties, of_type
from tools.deployment.renderer import render
from whyviral.core.telemetry.catalogue import MEDIA_UNWATCHED
from whyviral.integrations.aws.clients import aws_client

COMPUTES = ("fargate-cpu", "lambda-cpu", "managed-gpu")
MODES = ("task", "warm")
ADDED_BY_THE_STATE_MACHINE = {"TASK_TOKEN", "REQUEST_ID", "ATTEMPT", "TRACE_ID", "QUEUED_AT"}
REGION_VARIABLES = {"AWS_REGION", "AWS_DEFAULT_REGION"}
# Source: Amazon ECS, "Task definition parameters for Fargate": the memory in MiB that goes with CPU units.
FARGATE_MIB = {
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
DEFAULT_FARGATE_QUOTA_VCPUS = 6


@pytest.fixture(params=product(COMPUTES, MODES), ids="-".join)
def variant(document: Properties, request: pytest.FixtureRequest) -> Properties:
    compute, mode = request.param
    return render(document, TranscribeCompute=compute, TranscribeMode=mode)


@pytest.fixture(params=COMPUTES)
def compute(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def task_of(resources: Properties) -> Properties:
    task: Properties = resources["TranscribeTask"]["Properties"]
    return task


def container_of(resources: Properties) -> Properties:
    container: Properties
    (container,) = task_of(resources)["ContainerDefinitions"]
    return container


def variables_of(container: Properties) -> dict[str, object]:
    secrets = {each["Name"]: each["ValueFrom"] for each in container["Secrets"]}
    return {each["Name"]: each["Value"] for each in container["Environment"]} | secrets


def test_the_rendered_resources_have_no_conditions_and_only_valid_references(
    variant: Properties, document: Properties
) -> None:
    text = repr(variant)
    referred = {*re.findall(r"{'Ref': '(\w+)'}", text), *re.findall(r"'Fn::GetAtt': \['(\w+)'", text)}

    assert "Fn::If" not in text
    assert referred <= variant.keys() | document["Parameters"].keys()


def test_only_managed_instances_have_a_gpu(document: Properties) -> None:
    fargate, beside_lambda, gpu = (render(document, TranscribeCompute=name) for name in COMPUTES)

    for without in (fargate, beside_lambda):
        assert task_of(without)["RequiresCompatibilities"] == ["FARGATE"]
        assert "ResourceRequirements" not in container_of(without)
        assert of_type(without, "AWS::ECS::CapacityProvider") == {}
    assert task_of(gpu)["RequiresCompatibilities"] == ["MANAGED_INSTANCES"]
    assert container_of(gpu)["ResourceRequirements"] == [{"Type": "GPU", "Value": "1"}]
    assert variables_of(container_of(gpu))["WHISPER_DEVICE"] == "cuda"


def test_a_task_runs_where_the_cluster_has_capacity(document: Properties, compute: str) -> None:
    resources = render(document, TranscribeCompute=compute, TranscribeMode="warm")
    provider = {"Ref": "GpuCapacity"} if compute == "managed-gpu" else "FARGATE"
    strategy = [{"CapacityProvider": provider, "Weight": 1}]

    service = resources["TranscribeService"]["Properties"]
    machine = resources["AnalysisStateMachine"]["Properties"]["DefinitionSubstitutions"]

    assert resources["ClusterCapacity"]["Properties"]["CapacityProviders"] == [provider]
    assert (service["CapacityProviderStrategy"], machine["CapacityProvider"]) == (strategy, provider)
    assert "LaunchType" not in repr(resources)


def test_a_task_on_an_instance_has_no_public_address(document: Properties) -> None:
    resources = render(document, TranscribeCompute="managed-gpu", TranscribeMode="warm")

    network = resources["TranscribeService"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    machine = resources["AnalysisStateMachine"]["Properties"]["DefinitionSubstitutions"]

    assert (network["AssignPublicIp"], machine["AssignPublicIp"]) == ("DISABLED", "DISABLED")


def test_fargate_supports_every_size_of_the_parameter(document: Properties) -> None:
    for vcpus in document["Parameters"]["TranscribeVcpus"]["AllowedValues"]:
        resources = render(document, TranscribeVcpus=vcpus)
        task = task_of(resources)

        assert int(task["Cpu"]) == vcpus * 1024
        assert int(task["Memory"]) in FARGATE_MIB[vcpus * 1024]
        assert container_of(resources)["Memory"] == task["Memory"]


def test_workers_of_three_requests_fit_the_quota_of_a_new_account(document: Properties) -> None:
    task = task_of(render(document))

    assert 3 * int(task["Cpu"]) <= DEFAULT_FARGATE_QUOTA_VCPUS * 1024


def test_a_worker_with_a_gpu_fits_the_smallest_possible_instance(document: Properties) -> None:
    resources = render(document, TranscribeCompute="managed-gpu")
    task = task_of(resources)

    wanted = resources["GpuCapacity"]["Properties"]["ManagedInstancesProvider"]["InstanceLaunchTemplate"]
    assert int(task["Cpu"]) <= wanted["InstanceRequirements"]["VCpuCount"]["Min"] * 1024
    assert int(task["Memory"]) < wanted["InstanceRequirements"]["MemoryMiB"]["Min"]
    assert container_of(resources)["Memory"] == task["Memory"]


def test_the_role_of_instances_has_a_name_that_ecs_may_pass_on(document: Properties) -> None:
    role = render(document, TranscribeCompute="managed-gpu")["EcsInstanceRole"]["Properties"]

    assert role["RoleName"]["Fn::Sub"].startswith("ecsInstanceRole")
    assert "CAPABILITY_NAMED_IAM" in (ROOT / "samconfig.toml").read_text(encoding="utf-8")


def test_the_container_has_no_privileges(variant: Properties) -> None:
    container = container_of(variant)

    assert container["ReadonlyRootFilesystem"] is True
    assert container["MountPoints"] == [{"SourceVolume": "tmp", "ContainerPath": "/tmp"}]  # noqa: S108 - in a container
    assert task_of(variant)["Volumes"] == [{"Name": "tmp"}]
    assert container["User"].split(":")[0] not in {"0", "root"}
    assert container["LinuxParameters"] == {"InitProcessEnabled": False, "Capabilities": {"Drop": ["ALL"]}}
    assert "Privileged" not in container


def test_the_task_has_the_entry_point_and_the_user_of_the_image(variant: Properties) -> None:
    image = (ROOT / "functions" / "transcribe" / "Dockerfile").read_text(encoding="utf-8").splitlines()

    assert f"ENTRYPOINT {json.dumps(container_of(variant)['EntryPoint'])}" in image
    assert f"USER {container_of(variant)['User']}" in image
    assert f"VOLUME {container_of(variant)['MountPoints'][0]['ContainerPath']}" in image


def test_a_worker_that_gets_sigterm_has_time_to_report(variant: Properties) -> None:
    # Source: Amazon ECS, "Task definition parameters for Fargate": two minutes at most.
    assert container_of(variant)["StopTimeout"] == 120


def test_the_worker_gets_exactly_the_settings_that_it_reads(variant: Properties) -> None:
    fields = JobSettings.model_fields | WorkerSettings.model_fields
    needed = {name.upper() for name, field in fields.items() if field.is_required()}

    given = variables_of(container_of(variant)).keys()

    assert needed <= given <= {name.upper() for name in fields} | REGION_VARIABLES
    assert given & ADDED_BY_THE_STATE_MACHINE == set()


def test_the_worker_finds_its_region_if_ecs_does_not_set_it(
    variant: Properties, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = variables_of(container_of(variant))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in REGION_VARIABLES:
        assert variables[name] == {"Ref": "AWS::Region"}
        monkeypatch.setenv(name, "eu-west-3")

    assert aws_client("stepfunctions", timeout_s=1, tries=1).meta.region_name == "eu-west-3"


def test_a_revision_of_the_task_is_kept_for_the_executions_that_name_it(document: Properties) -> None:
    task = document["Resources"]["TranscribeTask"]

    assert (task["UpdateReplacePolicy"], task["DeletionPolicy"]) == ("Retain", "Delete")


def test_the_worker_gets_secrets_from_ecs_and_never_as_plain_text(document: Properties) -> None:
    container = container_of(render(document, YouTubeProxyPort=8080))
    secrets = {each["Name"]: each["ValueFrom"]["Fn::Sub"] for each in container["Secrets"]}

    assert secrets.keys() == {"SUPABASE_DB_URL", "SUPABASE_URL", "SUPABASE_SECRET_KEY", "YOUTUBE_PROXY_URL"}
    for name, source in secrets.items():
        assert source == f"${{SecretArn}}:{name}::${{SecretVersionId}}"
    assert "resolve:secretsmanager" not in repr(container)


def test_the_port_of_the_proxy_is_open_only_if_there_is_a_proxy(document: Properties) -> None:
    with_proxy, without = (render(document, YouTubeProxyPort=port) for port in (8080, 0))

    def ports(resources: Properties) -> list[object]:
        rules = resources["TranscribeSecurityGroup"]["Properties"]["SecurityGroupEgress"]
        added = of_type(resources, "AWS::EC2::SecurityGroupEgress").values()
        return [rule["ToPort"] for rule in (*rules, *added)]

    assert ports(without) == [443, 443, 6543, 5432]
    assert ports(with_proxy) == [*ports(without), {"Ref": "YouTubeProxyPort"}]
    assert "SecurityGroupIngress" not in without["TranscribeSecurityGroup"]["Properties"]
    assert "YOUTUBE_PROXY_URL" not in variables_of(container_of(without))


def test_the_state_machine_may_start_only_this_task_family_with_its_two_roles(variant: Properties) -> None:
    (policy,) = variant["AnalysisRole"]["Properties"]["Policies"]
    statements = {str(each["Action"]): each for each in policy["PolicyDocument"]["Statement"]}
    task = task_of(variant)

    family = task["Family"]["Fn::Sub"]
    assert statements["ecs:RunTask"]["Resource"] == {
        "Fn::Sub": f"arn:${{AWS::Partition}}:ecs:${{AWS::Region}}:${{AWS::AccountId}}:task-definition/{family}:*"
    }
    assert statements["ecs:RunTask"]["Condition"] == {"ArnEquals": {"ecs:cluster": {"Fn::GetAtt": ["Cluster", "Arn"]}}}
    assert statements["iam:PassRole"]["Resource"] == [task["TaskRoleArn"], task["ExecutionRoleArn"]]
    assert statements["iam:PassRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }


def test_the_mode_task_needs_no_queue_and_no_service(document: Properties, compute: str) -> None:
    resources = render(document, TranscribeCompute=compute, TranscribeMode="task")
    warm = render(document, TranscribeCompute=compute, TranscribeMode="warm")

    assert of_type(warm, "AWS::SQS::Queue").keys() - resources.keys() == {"TranscribeQueue", "TranscribeDeadLetters"}
    assert of_type(resources, "AWS::ECS::Service") == {}
    assert "QUEUE_URL" not in variables_of(container_of(resources))
    assert "sqs:" not in repr([resources["TranscribeRole"], resources["AnalysisRole"]])
    assert not [name for name in of_type(resources, "AWS::IAM::RolePolicy") if "Queue" in name]


def test_a_warm_worker_takes_jobs_from_the_queue_that_the_state_machine_fills(document: Properties) -> None:
    resources = render(document, TranscribeMode="warm")
    queue = {"Fn::GetAtt": ["TranscribeQueue", "Arn"]}

    def policy(name: str) -> tuple[object, object, object]:
        added = resources[name]["Properties"]
        (statement,) = added["PolicyDocument"]["Statement"]
        return added["RoleName"], statement["Action"], statement["Resource"]

    machine = resources["AnalysisStateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert variables_of(container_of(resources))["QUEUE_URL"] == {"Ref": "TranscribeQueue"}
    assert machine["TranscribeQueueUrl"] == {"Ref": "TranscribeQueue"}
    assert resources["TranscribeService"]["Properties"]["TaskDefinition"] == {"Ref": "TranscribeTask"}
    assert policy("SendQueuePolicy") == ({"Ref": "AnalysisRole"}, "sqs:SendMessage", queue)
    assert policy("ConsumeQueuePolicy") == (
        {"Ref": "TranscribeRole"},
        ["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"],
        queue,
    )


def test_a_job_is_redelivered_in_time_for_another_worker_and_expires_with_its_state(document: Properties) -> None:
    queue = render(document, TranscribeMode="warm")["TranscribeQueue"]["Properties"]

    for worker in document["Mappings"]["Worker"].values():
        assert queue["VisibilityTimeout"] < int(worker["Heartbeat"])
        assert queue["MessageRetentionPeriod"] >= int(worker["Timeout"])
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["TranscribeDeadLetters", "Arn"]}


def test_unfinished_work_of_workers_raises_an_alarm(document: Properties) -> None:
    resources = render(document, TranscribeMode="warm", AlarmEmail="ops@example.com")
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")

    unwatched, dead = alarms["MediaUnwatchedAlarm"], alarms["TranscribeDeadLettersAlarm"]
    assert unwatched["MetricName"] == MEDIA_UNWATCHED.name
    assert dead["Dimensions"] == [
        {"Name": "QueueName", "Value": {"Fn::GetAtt": ["TranscribeDeadLetters", "QueueName"]}}
    ]


def test_the_local_stack_reads_the_same_task_definition(document: Properties) -> None:
    task = read_template(ROOT / "template.yaml").tasks["TranscribeTask"]
    container = container_of(render(document, TranscribeMode="warm", YouTubeProxyPort=8080))

    assert task.container == container["Name"]
    assert task.variables == variables_of(container).keys()
    assert task.module == WorkerSettings.__module__.replace("settings", "worker")
