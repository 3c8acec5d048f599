"""Reader of template.yaml for the local stack, so that one file defines the functions and the pipeline everywhere."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"

# AWS's defaults. Source: AWS Lambda, "Lambda quotas" and the AWS::Lambda::Function reference.
_DEFAULT_TIMEOUT_S = 3
_DEFAULT_MEMORY_MB = 128

# Substitutions for resources that exist only on AWS. A task sends no heartbeat while it waits for one of two slots, and
# its timeout includes that wait. A Map handles as many posts at once as a function has sandboxes (MAX_SANDBOXES).
_LOCAL_SUBSTITUTIONS = MappingProxyType(
    {
        "AssignPublicIp": "DISABLED",
        "CapacityProvider": "FARGATE",
        "ClusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:cluster/local",
        "MapConcurrency": "8",
        "SubnetIds": "subnet-local",
        "TaskSecurityGroupId": "sg-local",
        "TranscribeFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:TranscribeFunction",
        "TranscribeHeartbeat": "120",
        "TranscribeMode": "task",
        "TranscribeQueueUrl": "",
        "TranscribeTimeout": "600",
    }
)

_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_.:]+)\}")

type Resolver = Callable[[str, str | None], str]
"""Resolves a logical id and an attribute (None for !Ref) to a value of the stack that runs."""


class TemplateError(Exception):
    """The local stack cannot interpret template.yaml or its state machine."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule of a function and the input of its calls."""

    expression: str
    input: str
    """JSON; `<aws.scheduler.scheduled-time>` in it is replaced with the scheduled time."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One AWS::Serverless::Function, with the template's Globals merged in."""

    name: str
    handler: str
    timeout_s: float = _DEFAULT_TIMEOUT_S
    memory_mb: int = _DEFAULT_MEMORY_MB
    variables: frozenset[str] = frozenset()
    """The names of its environment variables on AWS."""
    schedules: tuple[Schedule, ...] = ()
    has_waiting_callers: bool = True
    """Whether callers wait for its answer; false if only schedules and events call it."""
    is_image: bool = False
    """Whether it runs from a container image, as the worker does, and not from a package."""

    @property
    def arn(self) -> str:
        """The ARN of this function on one machine."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.name}"


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One AWS::ECS::TaskDefinition with one container, which runs a Python module."""

    name: str
    container: str
    module: str
    variables: frozenset[str] = frozenset()
    """The names of its environment variables on AWS, secrets included."""

    @property
    def arn(self) -> str:
        """The ARN of this task definition on one machine."""
        return f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:task-definition/{self.name}:1"


@dataclass(frozen=True, slots=True)
class StateMachineSpec:
    """The AWS::Serverless::StateMachine: its unsubstituted definition, and the substitutions."""

    name: str
    source: str
    substitutions: Mapping[str, Any]

    def definition(self, resolve: Resolver, given: Mapping[str, str] = MappingProxyType({})) -> str:
        """Return the definition with every `${Name}` replaced. JSONata's `{% $name %}` stays.

        Args:
            resolve: Resolves the references in substitutions.
            given: Substitutions that override the template's.

        Raises:
            TemplateError: A name has no substitution, or a substitution is not a scalar, !Ref or !GetAtt.
        """
        values = {
            name: given[name] if name in given else _resolved(value, resolve)
            for name, value in self.substitutions.items()
        }
        unknown = set(_SUBSTITUTION.findall(self.source)) - values.keys()
        if unknown:
            raise TemplateError(f"{self.name}: no DefinitionSubstitutions for {', '.join(sorted(unknown))}")
        return _SUBSTITUTION.sub(lambda match: values[match[1]], self.source)


@dataclass(frozen=True, slots=True)
class Template:
    """The functions and tasks of the stack by logical id, and its state machine."""

    functions: Mapping[str, FunctionSpec]
    tasks: Mapping[str, TaskSpec]
    state_machine: StateMachineSpec

    def local_definition(self, *, baseline_mode: str = "cheap", transcribe_compute: str = "fargate-cpu") -> str:
        """Return the state machine's definition for one machine.

        Args:
            baseline_mode: the user's BASELINE_MODE.
            transcribe_compute: the user's TRANSCRIBE_COMPUTE, which selects the worker for short media.
        """
        given = _LOCAL_SUBSTITUTIONS | {"BaselineMode": baseline_mode, "TranscribeCompute": transcribe_compute}
        return self.state_machine.definition(local_resolver(self.functions, self.tasks), given)


def read_template(path: Path) -> Template:
    """Read a SAM template and its state machine definition.

    Raises:
        TemplateError: The file is not a template with exactly one state machine, or a setting of a function or task is
            not a literal.
    """
    document = load_document(path)
    resources = document.get("Resources") or {}
    defaults = (document.get("Globals") or {}).get("Function") or {}
    machines = [
        _state_machine(name, resource["Properties"], path.parent)
        for name, resource in resources.items()
        if resource.get("Type") == "AWS::Serverless::StateMachine"
    ]
    if len(machines) != 1:
        raise TemplateError(f"{path.name}: expected one state machine, found {len(machines)}")
    functions = {
        name: _function(name, resource["Properties"], defaults)
        for name, resource in resources.items()
        if resource.get("Type") == "AWS::Serverless::Function" and not _is_web_server(resource["Properties"])
    }
    functions |= {
        name: _image_function(name, resource["Properties"])
        for name, resource in resources.items()
        if resource.get("Type") == "AWS::Lambda::Function"
    }
    tasks = {
        name: _task(name, resource["Properties"])
        for name, resource in resources.items()
        if resource.get("Type") == "AWS::ECS::TaskDefinition"
    }
    return Template(MappingProxyType(functions), MappingProxyType(tasks), machines[0])


def local_resolver(functions: Collection[str], tasks: Mapping[str, TaskSpec] = MappingProxyType({})) -> Resolver:
    """Return a resolver that maps functions and tasks to their ARNs on one machine."""

    def resolve(logical_id: str, attribute: str | None) -> str:
        if logical_id in functions and attribute == "Arn":
            return FunctionSpec(logical_id, handler="").arn
        if logical_id in tasks and attribute is None:
            return tasks[logical_id].arn
        raise TemplateError(f"{logical_id}.{attribute or 'Ref'} does not exist on one machine")

    return resolve


def _is_web_server(properties: Mapping[str, Any]) -> bool:
    """Return whether a function is a web server behind an adapter. On one machine the API's server does its work."""
    return "AWS_LAMBDA_EXEC_WRAPPER" in _variables(properties)


def _function(name: str, properties: Mapping[str, Any], defaults: Mapping[str, Any]) -> FunctionSpec:
    merged = {**defaults, **properties}
    numbers = {key: merged.get(key, default) for key, default in _NUMBERS.items()}
    if not isinstance(merged.get("Handler"), str) or not all(isinstance(number, int) for number in numbers.values()):
        raise TemplateError(f"{name}: Handler, Timeout and MemorySize must be written out")
    variables = {variable for source in (defaults, properties) for variable in _variables(source)}
    events = list((properties.get("Events") or {}).values())
    return FunctionSpec(
        name,
        merged["Handler"],
        numbers["Timeout"],
        numbers["MemorySize"],
        frozenset(variables),
        tuple(_schedule(event["Properties"]) for event in events if event["Type"] == "ScheduleV2"),
        has_waiting_callers=not events or any(event["Type"] not in _ASYNCHRONOUS_EVENTS for event in events),
    )


def _image_function(name: str, properties: Mapping[str, Any]) -> FunctionSpec:
    """Return a function that runs from a container image. Its memory may be a parameter, which one machine ignores."""
    match properties:
        case {"PackageType": "Image", "ImageConfig": {"Command": [str(handler)]}, "Timeout": int(timeout_s)}:
            variables = frozenset(_variables(properties))
            return FunctionSpec(name, handler, timeout_s, variables=variables, has_waiting_callers=False, is_image=True)
        case _:
            raise TemplateError(f"{name}: expected an image with one Command, and a Timeout that is written out")


_ASYNCHRONOUS_EVENTS = {"ScheduleV2", "EventBridgeRule", "SQS"}


def _schedule(properties: Mapping[str, Any]) -> Schedule:
    return Schedule(properties["ScheduleExpression"], properties.get("Input", "{}"))


_NUMBERS = {"Timeout": _DEFAULT_TIMEOUT_S, "MemorySize": _DEFAULT_MEMORY_MB}


def _variables(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = (properties.get("Environment") or {}).get("Variables") or {}
    return variables


def _task(name: str, properties: Mapping[str, Any]) -> TaskSpec:
    match properties.get("ContainerDefinitions"):
        case [{"Name": str(container), "EntryPoint": ["python", "-m", str(module)], **rest}]:
            variables = _as_list(rest.get("Environment")) + _as_list(rest.get("Secrets"))
            return TaskSpec(name, container, module, frozenset(_variable_name(name, each) for each in variables))
        case _:
            raise TemplateError(f"{name}: expected one container with the EntryPoint [python, -m, <module>]")


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _variable_name(task: str, variable: Mapping[str, Any]) -> str:
    """Return the name of a variable, which may be conditional: `!If [X, {Name: …}, !Ref AWS::NoValue]`."""
    match variable:
        case {"Name": str(name)} | {"Fn::If": [_, {"Name": str(name)}, {"Ref": "AWS::NoValue"}]}:
            return name
        case _:
            raise TemplateError(f"{task}: cannot read the variable {variable!r}")


def _state_machine(name: str, properties: Mapping[str, Any], folder: Path) -> StateMachineSpec:
    uri = properties.get("DefinitionUri")
    if not isinstance(uri, str):
        raise TemplateError(f"{name}: DefinitionUri must be a path")
    source = (folder / uri).read_text(encoding="utf-8")
    return StateMachineSpec(name, source, MappingProxyType(properties.get("DefinitionSubstitutions") or {}))


def _resolved(value: object, resolve: Resolver) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case {"Ref": str(logical_id), **rest} if not rest:
            return resolve(logical_id, None)
        case {"Fn::GetAtt": [str(logical_id), str(attribute)], **rest} if not rest:
            return resolve(logical_id, attribute)
        case _:
            raise TemplateError(f"cannot resolve {value!r} on one machine")


class _TemplateLoader(yaml.SafeLoader):
    """YAML loader for CloudFormation's short tags: `!Ref X` becomes {"Ref": "X"}, `!GetAtt X.Arn` its long form."""


def _intrinsic(loader: _TemplateLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # YAML has only three kinds of nodes
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_TemplateLoader.add_multi_constructor("!", _intrinsic)


def load_document(path: Path) -> dict[str, Any]:
    """Read a template and expand CloudFormation's short tags to their long form.

    Raises:
        TemplateError: The file is not a template.
    """
    loader = _TemplateLoader(path.read_text(encoding="utf-8"))
    try:
        document = loader.get_single_data()
    except yaml.YAMLError as exc:
        raise TemplateError(f"{path.name} is not YAML: {exc}") from exc
    finally:
        loader.dispose()
    if not isinstance(document, dict):
        raise TemplateError(f"{path.name} is not a template")
    return document
