"""Rules for all resources of a kind, in each variant of the transformed template; they cover new resources, too."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from local.aws.template import load_document
from tests.template.conftest import ROOT, Properties, of_type
from tests.template.test_template import WITHOUT_RESOURCE, as_list
from tools.deployment.renderer import render

OPTIONS: dict[str, str | int] = {
    "AlarmEmail": "ops@example.com",
    "DomainName": "api.example.com",
    "HostedZoneId": "Z1",
    "YouTubeProxyPort": 8080,
}


@pytest.fixture(scope="module")
def variants(transformed: Properties) -> list[Properties]:
    """The resources of a stack with every option, for each compute and each mode of the worker."""
    parameters = transformed["Parameters"]
    computes, modes = (parameters[name]["AllowedValues"] for name in ("TranscribeCompute", "TranscribeMode"))
    return [
        render(transformed, **OPTIONS, TranscribeCompute=compute, TranscribeMode=mode)
        for compute, mode in product(computes, modes)
    ]


def referred(value: Any) -> Iterator[str]:
    """Yield the logical ids to which a value refers, by Ref, GetAtt, Sub or DependsOn."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)[.}]", text)
        case dict():
            for key, each in value.items():
                yield from [each] if key == "DependsOn" and isinstance(each, str) else referred(each)
        case list():
            for each in value:
                yield from [each] if isinstance(each, str) else referred(each)


def preceding(resources: Properties, name: str) -> set[str]:
    """Return every resource that CloudFormation creates before this one."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = {each for each in referred(resources[waiting.pop()]) if each in resources} - found
        found |= new
        waiting += new
    return found


def test_no_task_on_fargate_asks_for_a_gpu(variants: list[Properties]) -> None:
    for resources in variants:
        for name, task in of_type(resources, "AWS::ECS::TaskDefinition").items():
            if "GPU" in str(task):
                assert task["RequiresCompatibilities"] == ["MANAGED_INSTANCES"], name


def test_nothing_names_a_launch_type(variants: list[Properties], definition: Properties) -> None:
    assert "LaunchType" not in str(variants)
    assert "LaunchType" not in str(definition)


def test_every_task_of_the_state_machine_has_a_timeout(definition: Properties) -> None:
    def tasks(states: Properties) -> Iterator[tuple[str, Properties]]:
        for name, state in states.items():
            if state["Type"] == "Task":
                yield name, state
            for inner in (state.get("ItemProcessor"), *state.get("Branches", ())):
                yield from tasks(inner["States"]) if inner else ()

    assert [name for name, task in tasks(definition["States"]) if "TimeoutSeconds" not in task] == []


def test_every_schedule_is_named_after_its_stack(variants: list[Properties]) -> None:
    for resources in variants:
        schedules = of_type(resources, "AWS::Scheduler::Schedule")
        assert schedules
        for name, schedule in schedules.items():
            assert schedule["Name"]["Fn::Sub"].startswith("${AWS::StackName}-"), name


def test_every_rule_and_every_schedule_keeps_the_events_that_it_cannot_deliver(variants: list[Properties]) -> None:
    for resources in variants:
        targets = {
            **{name: each["Target"] for name, each in of_type(resources, "AWS::Scheduler::Schedule").items()},
            **{name: each["Targets"][0] for name, each in of_type(resources, "AWS::Events::Rule").items()},
        }
        for name, target in targets.items():
            queue = target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
            assert resources[queue]["Type"] == "AWS::SQS::Queue", name


def test_every_function_that_is_called_asynchronously_keeps_the_events_that_it_fails_at(
    variants: list[Properties],
) -> None:
    for resources in variants:
        callers = (
            *of_type(resources, "AWS::Scheduler::Schedule").values(),
            *of_type(resources, "AWS::Events::Rule").values(),
            *of_type(resources, "AWS::SNS::Subscription").values(),
        )
        # The state machine waits for a token of this one, and not for its end.
        asynchronous = {"TranscribeFunction"} & resources.keys()
        called = asynchronous | {
            name for name in referred(list(callers)) if resources.get(name, {}).get("Type") == "AWS::Lambda::Function"
        }
        kept = {
            each["FunctionName"]["Ref"]: each["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
            for each in of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
        }

        assert called == kept.keys()
        # A function that gets failed events is called asynchronously itself.
        assert {"AWS::SQS::Queue"} == {
            resources[kept.get(destination, destination)]["Type"] for destination in kept.values()
        }


def test_every_queue_has_dead_letters_or_contains_them(variants: list[Properties]) -> None:
    for resources in variants:
        queues = of_type(resources, "AWS::SQS::Queue")
        redriven = {
            name: queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
            for name, queue in queues.items()
            if "RedrivePolicy" in queue
        }
        others = {name: each for name, each in resources.items() if name not in queues}
        undelivered = set(
            re.findall(r"(?:DeadLetterConfig|Destination)': \{'(?:Arn': \{')?Fn::GetAtt': \['(\w+)'", str(others))
        )

        functions = of_type(resources, "AWS::Lambda::Function").keys()
        assert queues.keys() - redriven.keys() == {*redriven.values(), *undelivered} - functions
        # Otherwise a message could fail for ever.
        assert all(queues[name]["RedrivePolicy"]["maxReceiveCount"] <= 10 for name in redriven)


def test_every_function_has_a_role_and_a_log_group_with_retention_of_its_own(variants: list[Properties]) -> None:
    for resources in variants:
        functions = of_type(resources, "AWS::Lambda::Function")
        roles = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]
        groups = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions.values()]

        assert len({*roles}) == len({*groups}) == len(functions)
        assert {resources[role]["Type"] for role in roles} == {"AWS::IAM::Role"}
        for group in groups:
            assert "RetentionInDays" in resources[group]["Properties"], group


def test_every_exception_to_exact_resources_is_used(variants: list[Properties]) -> None:
    bootstrap = render(load_document(ROOT / "bootstrap.yaml"), GitHubRepository="example/whyviral")
    statements = [
        statement
        for resources in (*variants, bootstrap)
        for policy in (
            *(each for role in of_type(resources, "AWS::IAM::Role").values() for each in role.get("Policies", ())),
            *of_type(resources, "AWS::IAM::RolePolicy").values(),
        )
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Resource"] == "*"
    ]

    assert {action for statement in statements for action in as_list(statement["Action"])} == WITHOUT_RESOURCE


def test_nothing_precedes_what_the_account_setting_for_logs_depends_on(variants: list[Properties]) -> None:
    for resources in variants:
        before = preceding(resources, "ApiLogAccount")

        assert before == {"LogsFirst", "ApiLogAccountRole"}
        assert {name for name in before if preceding(resources, name)} == set()
        assert "ApiLogAccount" in preceding(resources, "ApiliveStage")
