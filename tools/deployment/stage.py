"""A stage of the deployment: its stack and its parameters, from samconfig.toml and the bootstrap stack."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.template import load_document

ROOT = Path(__file__).parents[2]
BOOTSTRAP_STACK = "whyviral-bootstrap"

ADDED = frozenset({"Release", "SecretArn", "TranscribeImage"})
"""The parameters that `make deploy` computes."""


class UnknownStage(Exception):
    """samconfig.toml describes no such stage, or describes it in a way that cannot be used."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as samconfig.toml describes it."""

    name: str
    stack_name: str
    confirms: bool
    """Whether a person approves the change set before it is executed."""
    parameters: Mapping[str, str]
    """The values that samconfig.toml gives."""

    def parameters_with(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters, with the network of the bootstrap stack unless samconfig.toml names another."""
        network = {name: outputs[name] for name in ("VpcId", "SubnetIds") if name in outputs}
        return network | dict(self.parameters)


def read_stage(name: str, path: Path = ROOT / "samconfig.toml") -> Stage:
    """Read a stage.

    Raises:
        UnknownStage: there is no such stage, or one of its parameters is not written as Name=Value.
    """
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    stages = [each for each in document if "deploy" in (document[each] if isinstance(document[each], dict) else {})]
    if name not in stages:
        raise UnknownStage(f'There is no stage "{name}" in {path.name}; give STAGE={"|".join(stages)}.')
    settings: dict[str, Any] = document[name]["deploy"]["parameters"]
    parameters = {}
    for override in settings.get("parameter_overrides", []):
        parameter, separator, value = str(override).partition("=")
        if not separator:
            raise UnknownStage(f'{path.name}, stage {name}: "{override}" is not written as Name=Value.')
        parameters[parameter] = value
    return Stage(name, settings["stack_name"], bool(settings.get("confirm_changeset")), parameters)


def read_template() -> dict[str, Any]:
    """Return template.yaml with CloudFormation's short tags in their long form."""
    return load_document(ROOT / "template.yaml")


def missing_parameters(template: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """Return the parameters that have neither a value nor a default and that `make deploy` does not add."""
    required = {name for name, each in template["Parameters"].items() if "Default" not in each}
    return sorted(required - parameters.keys() - ADDED)


def unknown_parameters(template: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """Return the parameters that the template does not have, such as misspelt ones."""
    return sorted(parameters.keys() - template["Parameters"].keys())
