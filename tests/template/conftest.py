"""The template, the definition of the state machine, and what `sam build` makes of them, once a session."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
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


def of_type(resources: Properties, resource_type: str) -> dict[str, Properties]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == resource_type}


@pytest.fixture(scope="session")
def packages() -> Iterator[Path]:
    """What would be deployed, for the architecture of this machine: one folder a function, and the layer's."""
    with TemporaryDirectory(prefix="whyviral-packages-") as folder:
        yield _build(OWN_ARCHITECTURE, Path(folder) / "build")


@pytest.fixture(scope="session")
def packages_of_other_architecture() -> Iterator[Path]:
    with TemporaryDirectory(prefix="whyviral-packages-") as folder:
        yield _build(OTHER_ARCHITECTURE, Path(folder) / "build")


@pytest.fixture(scope="session")
def runtime_python() -> Path:
    """A Python that has what Lambda's managed runtime has, and nothing else."""
    run_tool(["./bootstrap", "lambda"])
    return ROOT / ".tools" / "lambda" / "bin" / "python"


def _build(architecture: str, folder: Path) -> Path:
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
    return folder


def run_tool(command: list[str], **variables: str) -> str:
    """Run a command in the checkout and return what it prints; the test fails with it."""
    # The flags of a `make test` that runs this are not for the make that SAM runs.
    inherited = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    done = subprocess.run(command, cwd=ROOT, env=inherited | variables, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
