"""The stack as moto's CloudFormation creates it from the transformed template."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
from moto.cloudformation.parsing import get_model_map
from moto.iam.models import iam_backends
from moto.stepfunctions.models import stepfunctions_backends

from local.aws.template import REGION
from tests.template.conftest import Properties

NAME = "whyviral-emulated"
NOT_CREATED = {"AWS::ApiGateway::Deployment": "moto ignores the body of an API, and deploys none without methods"}
"""Types that moto knows and cannot create from this template."""
SECRET = "whyviral"
_REFERENCE = re.compile(r"\{\{resolve:secretsmanager:(?P<secret>[^:]+):SecretString:(?P<key>\w+)::(?P<version>\w*)\}\}")
_IN_TEXT = re.compile(r"\$\{(?P<name>\w+)(?:\.\w+)?\}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One action that a role allows on resources with a pattern."""

    action: str
    resource: str

    def allows(self, action: str, resource: str) -> bool:
        return self.action == action and fnmatchcase(resource, self.resource)


@dataclass(frozen=True, slots=True)
class Stack:
    """A created stack."""

    account: str
    resources: Mapping[str, str]
    """The physical id of each created resource, by logical id."""
    outputs: Mapping[str, str]
    definition: str
    """The state machine's definition after CloudFormation's substitution."""
    variables: Mapping[str, Mapping[str, str]]
    """The environment of each function, by logical id, with the secrets in place of the references to them."""
    allowed: Mapping[str, frozenset[Statement]]
    """What the role of each function allows."""


def is_created(resource_type: str) -> bool:
    """Return whether moto creates resources of a type; it knows nothing of the others, whose schema cfn-lint checks."""
    return resource_type in get_model_map() and resource_type not in NOT_CREATED


def creatable(document: Properties, definition: str) -> Properties:
    """Return the part of a template that moto creates, in a form that it understands.

    Three things differ. Resources of other types are left out, and a reference to one becomes its logical id; one to
    the API's alias becomes one to the API's function. Numbers are texts, as which CloudFormation looks them up in
    mappings. The definition of the state machine is in the template instead of in S3.
    """
    left_out = {name: each for name, each in document["Resources"].items() if not is_created(each["Type"])}
    resources = {
        name: {key: _rewritten(value, left_out) for key, value in resource.items() if key != "DependsOn"}
        for name, resource in document["Resources"].items()
        if name not in left_out
    }
    for resource in resources.values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            properties = resource["Properties"]
            del properties["DefinitionS3Location"]
            properties["DefinitionString"] = {"Fn::Sub": [definition, properties.pop("DefinitionSubstitutions")]}
    parameters = {
        name: each | {"Type": "String"} | ({"Default": str(each["Default"])} if "Default" in each else {})
        if each["Type"] == "Number"
        else each
        for name, each in document["Parameters"].items()
    }
    return document | {"Resources": resources, "Parameters": parameters}


def _rewritten(value: Any, left_out: Properties) -> Any:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]} if name in left_out:
            alias_of = _function_of_alias(left_out[name])
            return {"Ref": alias_of} if alias_of else name
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": _IN_TEXT.sub(lambda match: _rewritten_name(match, left_out), text)}
        case dict():
            return {key: _rewritten(each, left_out) for key, each in value.items()}
        case list():
            return [_rewritten(each, left_out) for each in value]
    return value


def _rewritten_name(match: re.Match[str], left_out: Properties) -> str:
    if match["name"] not in left_out:
        return match[0]
    alias_of = _function_of_alias(left_out[match["name"]])
    return f"${{{alias_of}.Arn}}" if alias_of else match["name"]


def _function_of_alias(resource: Properties) -> str | None:
    is_alias = resource["Type"] == "AWS::Lambda::Alias"
    return str(resource["Properties"]["FunctionName"]["Ref"]) if is_alias else None


def create(document: Properties, definition: Path, *, secret: Mapping[str, str], **parameters: str) -> Stack:
    """Create the stack in the emulator of this process's AWS_ENDPOINT_URL, with what must exist before."""
    prepared = _prepare(secret) | parameters
    template = creatable(document, definition.read_text(encoding="utf-8"))
    client = boto3.client("cloudformation")
    client.create_stack(
        StackName=NAME,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in prepared.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (stack,) = client.describe_stacks(StackName=NAME)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    pages = client.get_paginator("list_stack_resources").paginate(StackName=NAME)
    resources = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
    }
    types = {name: each["Type"] for name, each in template["Resources"].items()}
    functions = [name for name in resources if types.get(name) == "AWS::Lambda::Function"]
    account = boto3.client("sts").get_caller_identity()["Account"]
    machine = resources["AnalysisStateMachine"]
    return Stack(
        account=account,
        resources=resources,
        outputs={each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]},
        # The interpreter, which runs executions, and CloudFormation keep state machines apart.
        definition=stepfunctions_backends[account][REGION].describe_state_machine(machine).definition,
        variables={name: _variables(resources[name]) for name in functions},
        allowed={name: _allowed(account, resources[name]) for name in functions},
    )


def _prepare(secret: Mapping[str, str]) -> dict[str, str]:
    """Create what a stack needs; return the parameters that name it, and those without a default."""
    created = boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(dict(secret)))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"a package")
    ec2 = boto3.client("ec2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    return {
        "SecretName": SECRET,
        "SecretArn": created["ARN"],
        "VpcId": ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
        "SubnetIds": ",".join(subnets[:2]),
        "Release": "a" * 64,
        "TranscribeImage": f"whyviral@sha256:{'0' * 64}",
    }


def _variables(function: str) -> dict[str, str]:
    configuration = boto3.client("lambda").get_function_configuration(FunctionName=function)
    secrets = boto3.client("secretsmanager")

    def resolved(match: re.Match[str]) -> str:
        value = secrets.get_secret_value(SecretId=match["secret"])["SecretString"]
        return str(json.loads(value)[match["key"]])

    return {key: _REFERENCE.sub(resolved, value) for key, value in configuration["Environment"]["Variables"].items()}


def _allowed(account: str, function: str) -> frozenset[Statement]:
    role = boto3.client("lambda").get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
    # GetRolePolicy would send Python's notation of a policy that CloudFormation made.
    documents: list[Any] = list(iam_backends[account]["aws"].get_role(role).policies.values())
    return frozenset(
        Statement(action, resource)
        for document in documents
        for statement in document["Statement"]
        for action in _as_list(statement["Action"])
        for resource in _as_list(statement["Resource"])
    )


def _as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
