"""The template, the state machine's definition and the packages that `sam build` makes, each loaded once a session."""

import fcntl
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.aws import template

ROOT = Path(__file__).resolve().parents[2]
OWN_ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
OTHER_ARCHITECTURE = "arm64" if OWN_ARCHITECTURE == "x86_64" else "x86_64"

type Properties = dict[str, Any]


@pytest.fixture(scope="session")
def document() -> Properties:
    return template.load_document(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def resources(document: Properties) -> Properties:
    found: Properties = document["Resources"]
    return found


@pytest.fixture(scope="session")
def functions(resources: Properties) -> dict[str, Properties]:
    return of_type(resources, "AWS::Serverless::Function")


@pytest.fixture(scope="session")
def definition() -> Properties:
    text = (ROOT / "statemachine" / "analysis.asl.json").read_text(encoding="utf-8")
    parsed: Properties = json.loads(text)
    return parsed


def transform(release: str) -> Properties:
    """Return the template as CloudFormation gets it for a release, and what identifies each type of resource."""
    run_tool(["./bootstrap", "sam"])
    script = str(ROOT / "tests" / "template" / "sam_transform.py")
    found: Properties = json.loads(run_tool([".tools/sam/bin/python", script, "template.yaml", release]))
    return found


@pytest.fixture(scope="session")
def printed() -> Properties:
    return transform("a" * 64)


@pytest.fixture(scope="session")
def transformed(printed: Properties) -> Properties:
    """The transformed template, for any parameters."""
    document: Properties = printed["template"]
    return document


def of_type(resources: Properties, resource_type: str) -> dict[str, Properties]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == resource_type}


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages for this machine's architecture: one folder for each function, and one for the layer."""
    return _built_once(OWN_ARCHITECTURE, tmp_path_factory)


@pytest.fixture(scope="session")
def packages_of_other_architecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built_once(OTHER_ARCHITECTURE, tmp_path_factory)


@pytest.fixture(scope="session")
def runtime_python() -> Path:
    """A Python with the packages of Lambda's managed runtime and no others."""
    run_tool(["./bootstrap", "lambda"])
    return ROOT / ".tools" / "lambda" / "bin" / "python"


def _built_once(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build in a folder of the whole test run; its other processes wait for the build and use it, too."""
    own = tmp_path_factory.getbasetemp()
    of_run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = of_run / f"packages-{architecture}"
    with (of_run / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "template.yaml").exists():  # SAM writes it when all packages are built
            _build(architecture, folder)
    return folder


def _build(architecture: str, folder: Path) -> None:
    run_tool(["./bootstrap", "sam"])
    run_tool(
        [
            *(".tools/sam/bin/sam", "build", "--build-dir", str(folder)),
            *("--parameter-overrides", f"Architecture={architecture}"),
        ],
        ARCHITECTURE=architecture,
        AWS_DEFAULT_REGION="us-east-1",
        SAM_CLI_TELEMETRY="0",
    )


def run_tool(command: list[str], **variables: str) -> str:
    """Run a command in the checkout and return its output; fail the test if the command fails."""
    # The make that SAM runs must not inherit the flags of `make test`.
    inherited = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    done = subprocess.run(command, cwd=ROOT, env=inherited | variables, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
