"""Fixtures for tests of streams over real sockets, from applications started as the Lambda Web Adapter starts them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from functions.api.settings import ApiSettings
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from local.stack.ports import find_free_port
from tests.fixtures.waits import WAIT_S, wait_until
from tests.functions.api.conftest import HOST
from whyviral.core.endpoints import Endpoints

ROOT = Path(__file__).parents[4]
READINESS_PATH = "/health/live/"
_SITE = "from local.bootstrap import install_endpoints\n\ninstall_endpoints()\n"
"""Python runs the module `sitecustomize` at its start; nothing else can move a vendor's address in this process."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One server-sent event."""

    event: str | None
    id: str | None
    data: Any


def events_of(lines: Iterator[str]) -> Iterator[ReceivedEvent]:
    """Parse a stream of events, without its comments."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields.keys() & {"event", "data"}:
            yield ReceivedEvent(fields.get("event"), fields.get("id"), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


@dataclass(frozen=True, slots=True)
class StreamProcess:
    """A running `run.sh`."""

    base_url: str
    process: subprocess.Popen[bytes]
    log: Path

    @contextmanager
    def open(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Open a stream as the adapter forwards it."""
        context = {"requestId": "gateway-id", "identity": {"sourceIp": "203.0.113.7"}}
        forwarded = {"Host": HOST, "x-amzn-request-context": json.dumps(context), **headers}
        with httpx.stream("GET", f"{self.base_url}{path}", headers=forwarded, timeout=WAIT_S) as response:
            yield response


@pytest.fixture
def start_stream(
    settings: ApiSettings, local_endpoints: Endpoints, tmp_path: Path
) -> Iterator[Callable[..., StreamProcess]]:
    """Return a function that starts `run.sh` with the settings of StreamFunction, or others, and waits for it."""
    (tmp_path / "sitecustomize.py").write_text(_SITE)
    with ExitStack() as stack:

        def start(settings: ApiSettings = settings) -> StreamProcess:
            port = find_free_port()
            environment = _variables_of(settings) | {
                "DB_POOL_SIZE": "2",
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "layers" / "common")]),
                "LAMBDA_TASK_ROOT": str(ROOT),
                "LAMBDA_RUNTIME_DIR": str(tmp_path),
                ENDPOINTS_VARIABLE: dump_endpoints(local_endpoints),
                "AWS_LWA_PORT": str(port),
            }
            log = tmp_path / f"{port}.log"
            output = stack.enter_context(log.open("wb"))
            process = subprocess.Popen(
                [ROOT / "functions" / "api" / "run.sh"], env=environment, cwd="/", stdout=output, stderr=output
            )
            stack.callback(_stop, process)
            started = StreamProcess(f"http://127.0.0.1:{port}", process, log)
            wait_until(lambda: _is_ready(started))
            return started

        yield start


def _variables_of(settings: ApiSettings) -> dict[str, str]:
    """Return the environment variables that give these settings."""
    variables: dict[str, str] = {}
    for name in settings.model_fields_set:
        match getattr(settings, name):
            case SecretStr() as secret:
                variables[name.upper()] = secret.get_secret_value()
            case tuple() as several:
                variables[name.upper()] = ",".join(several)
            case value:
                variables[name.upper()] = str(value)
    return variables


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(WAIT_S)


def _is_ready(started: StreamProcess) -> bool:
    assert started.process.poll() is None, started.log.read_text()
    try:
        return httpx.get(f"{started.base_url}{READINESS_PATH}", timeout=WAIT_S).status_code == 200
    except httpx.TransportError:
        return False
