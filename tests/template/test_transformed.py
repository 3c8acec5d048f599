"""Checks the template after the SAM transform, for one stack and for two in the same account."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.template.conftest import Properties, transform
from tools.deployment.renderer import render

EVERYTHING = {"TranscribeMode": "warm", "AlarmEmail": "ops@example.com"}
ACCOUNT_WIDE = {"AWS::ApiGateway::Account"}
"""Types of which an account has one per region, shared by all stacks."""
NAMES = {"Name", "Family"}
"""Names of types whose identifier in AWS's schemas is an ARN or an id instead."""
KINDS = {"Scope"}
"""Properties that are part of an identifier and name no resource."""


@pytest.fixture(scope="module")
def identifiers(printed: Properties) -> dict[str, list[str]]:
    """The properties that identify a resource, by resource type."""
    found: dict[str, list[str]] = printed["identifiers"]
    return found


@pytest.fixture(scope="module")
def created(transformed: Properties) -> Properties:
    """All resources of a stack with every option in use, and each place where the worker can run."""
    computes = transformed["Parameters"]["TranscribeCompute"]["AllowedValues"]
    return {
        name: resource
        for compute in computes
        for name, resource in render(transformed, **EVERYTHING, TranscribeCompute=compute).items()
    }


def resolved(value: Any, stack: str, resources: Properties) -> Any:
    """Return a value as a stack would have it. Names that CloudFormation generates contain the stack's name."""
    match value:
        case {"Ref": "AWS::StackName"}:
            return stack
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]} if name in resources:
            return f"{stack}-{name}-generated"
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{AWS::StackName\}", stack, text)
        case dict():
            return {key: resolved(each, stack, resources) for key, each in value.items()}
        case list():
            return [resolved(each, stack, resources) for each in value]
    return value


def names(resources: Properties, identifiers: Mapping[str, list[str]], stack: str) -> Iterator[tuple[str, str]]:
    """Yield type and name of each resource that has a name in the template."""
    for resource in resources.values():
        kind, properties = resource["Type"], resource.get("Properties", {})
        candidates = NAMES.union(identifiers[kind]) - KINDS
        given = {key: properties[key] for key in sorted(candidates) if key in properties}
        if given and kind not in ACCOUNT_WIDE:
            yield kind, json.dumps(resolved(given, stack, resources))


def test_two_stacks_have_no_name_in_common(created: Properties, identifiers: dict[str, list[str]]) -> None:
    one, other = (set(names(created, identifiers, stack)) for stack in ("one", "other"))

    assert {name for kind, name in one if kind == "AWS::Scheduler::Schedule"} == {
        f'{{"Name": "one-{name}"}}' for name in ("billing", "billing-ends", "reconciliation", "retention", "sweeper")
    }
    assert one & other == set()


def test_the_check_of_names_finds_a_name_that_two_stacks_share(
    created: Properties, identifiers: dict[str, list[str]]
) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alarms"}}
    resources = created | {"Shared": topic}

    one, other = (set(names(resources, identifiers, stack)) for stack in ("one", "other"))

    assert one & other == {("AWS::SNS::Topic", '{"TopicName": "alarms"}')}


def test_the_account_setting_for_logs_waits_for_a_key_and_the_api_waits_for_the_setting(created: Properties) -> None:
    # Source: CloudFormation, "AWS::ApiGateway::Account": where API Gateway was never used, the setting must depend on
    # another of its resources. The API cannot be that one: its stage writes logs, so it comes after the setting.
    assert created["LogsFirst"]["Type"] == "AWS::ApiGateway::ApiKey"
    assert created["LogsFirst"]["Properties"] == {"Enabled": False}
    assert created["ApiLogAccount"]["DependsOn"] == "LogsFirst"
    assert created["Api"]["DependsOn"] == "ApiLogAccount"
    assert created["ApiliveStage"]["Properties"]["RestApiId"] == {"Ref": "Api"}


def test_a_stack_that_keeps_the_account_setting_creates_no_resource_for_it(transformed: Properties) -> None:
    resources = render(transformed, ApiLogRole="existing")

    assert resources.keys() & {"LogsFirst", "ApiLogAccount", "ApiLogAccountRole"} == set()


def versions(resources: Properties) -> dict[str, Properties]:
    return {name: each for name, each in resources.items() if each["Type"] == "AWS::Lambda::Version"}


def test_each_release_publishes_a_version_of_the_api_and_deletes_the_one_before(transformed: Properties) -> None:
    (name, version), *others = versions(transformed["Resources"]).items()
    (next_name,) = versions(transform("b" * 64)["template"]["Resources"])

    assert (others, name != next_name) == ([], True)
    assert version["DeletionPolicy"] == "Delete"
    assert transformed["Resources"]["ApiFunctionAliaslive"]["Properties"]["FunctionVersion"] == {
        "Fn::GetAtt": [name, "Version"]
    }
    assert transformed["Resources"]["ApiFunction"]["Properties"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}


def test_users_move_to_a_new_version_step_by_step_and_back_if_an_alarm_fires(created: Properties) -> None:
    group = created["ApiFunctionDeploymentGroup"]["Properties"]

    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert [each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]] == [
        "ApiServerErrorsAlarm",
        "ApiErrorsAlarm",
    ]
    assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Canary10Percent5Minutes"}
