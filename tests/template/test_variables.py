"""The environment of each function and of the worker, compared with the settings that its entry point reads."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from local.aws.template import read_template
from tests.template.conftest import ROOT, Properties, of_type
from whyviral.core import settings as core_settings
from whyviral.core.settings import DeployableSettings

READ_BY_LIBRARIES = ("AWS_", "POWERTOOLS_")
"""Prefixes of variables that no settings class reads: boto3, the Lambda Web Adapter and Powertools do."""
ADDED_BY_THE_STATE_MACHINE = {"TASK_TOKEN", "REQUEST_ID", "ATTEMPT", "TRACE_ID", "QUEUED_AT"}
NOT_GIVEN = {
    "DB_POOL_SIZE": "a sandbox serves one request at a time; only servers with threads have more connections",
    "OWNS_DATABASE": "false only on one machine, where other systems may share the database",
    "RECONCILED_DAYS": "set by `make reconcile`, for a longer period than the weekly one",
    "WHISPER_MODEL": "the image contains one model, which its worker finds without a name",
}
"""Settings without a variable in the template, with the reason."""
INHERITED = {
    ("AnalyzeFunction", "CHAT_MODEL"): "the settings of all models name it; this function never chats",
    (
        "TranscribeFunction",
        "QUEUE_URL",
    ): "the worker on ECS has the same settings; a function takes no job from a queue",
}
"""The same for one deployable only."""


def entry_module(source: Properties) -> str:
    """Return the module that a function's handler or a container's entry point names."""
    match source:
        case {"EntryPoint": [*_, str(module)]}:
            return module
        case {"Handler": str(script)} if script.endswith(".sh"):
            (module,) = re.findall(r"uvicorn ([\w.]+):", (ROOT / script).read_text(encoding="utf-8"))
            return str(module)
        case {"Handler": str(handler)} | {"ImageConfig": {"Command": [str(handler)]}}:
            return handler.rpartition(".")[0]
    raise AssertionError(source)


def settings_of(module: str) -> list[type[DeployableSettings]]:
    """Return the settings classes that a module loads."""
    source = Path(ROOT, *module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    own = import_module(".".join([*module.split(".")[:2], "settings"]))
    return [
        getattr(own, name, None) or getattr(core_settings, name)
        for name in sorted(set(re.findall(r"(\w+Settings)\.load\b", source)))
    ]


def deployables(document: Properties, functions: dict[str, Properties]) -> Iterator[tuple[str, str, Properties]]:
    """Yield name, entry module and variables of each function and of the worker's task."""
    of_all: Properties = document["Globals"]["Function"]["Environment"]["Variables"]
    for name, function in functions.items():
        yield name, entry_module(function), of_all | function.get("Environment", {}).get("Variables", {})
    for name, function in of_type(document["Resources"], "AWS::Lambda::Function").items():
        yield name, entry_module(function), function["Environment"]["Variables"]
    for name, task in read_template(ROOT / "template.yaml").tasks.items():
        yield name, task.module, dict.fromkeys(task.variables)


@pytest.fixture
def read_and_given(document: Properties, functions: dict[str, Properties]) -> dict[str, tuple[set[str], Properties]]:
    """The variables that are read and those that are given, by deployable."""
    return {
        name: (
            {field.upper() for each in settings_of(module) for field in each.model_fields},
            {key: value for key, value in variables.items() if not key.startswith(READ_BY_LIBRARIES)},
        )
        for name, module, variables in deployables(document, functions)
    }


def test_every_variable_that_is_given_is_read(read_and_given: dict[str, tuple[set[str], Properties]]) -> None:
    assert {name: given.keys() - read for name, (read, given) in read_and_given.items() if given.keys() - read} == {}


def test_every_variable_that_is_read_is_given(read_and_given: dict[str, tuple[set[str], Properties]]) -> None:
    absent = {
        name: read
        - given.keys()
        - ADDED_BY_THE_STATE_MACHINE
        - NOT_GIVEN.keys()
        - {key for owner, key in INHERITED if owner == name}
        for name, (read, given) in read_and_given.items()
    }

    assert {name: variables for name, variables in absent.items() if variables} == {}


def test_every_setting_without_a_variable_is_read_and_given_nowhere(
    read_and_given: dict[str, tuple[set[str], Properties]],
) -> None:
    read = set[str]().union(*(read for read, _ in read_and_given.values()))
    given = set[str]().union(*(given for _, given in read_and_given.values()))

    assert NOT_GIVEN.keys() & given == set()
    assert NOT_GIVEN.keys() <= read
    for owner, variable in INHERITED:
        assert variable in read_and_given[owner][0] - read_and_given[owner][1].keys()


def test_a_required_setting_is_given_under_no_condition(document: Properties, functions: dict[str, Properties]) -> None:
    for name, module, variables in deployables(document, functions):
        required = {
            field.upper()
            for each in settings_of(module)
            for field, info in each.model_fields.items()
            if info.is_required()
        }

        assert required <= variables.keys(), name
        assert not [key for key in required if "Fn::If" in str(variables[key])], name


def test_only_settings_classes_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for folder in ("functions", "layers/common/whyviral")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8"))
    }

    # They pass some of it on to a child process, or remove it.
    assert readers == {
        "functions/transcribe/decoder/isolated_decoder.py",
        "functions/transcribe/settings.py",
        "layers/common/whyviral/integrations/youtube/ytdlp/programs.py",
    }
