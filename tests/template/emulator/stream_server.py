"""The built StreamFunction, started as the Lambda Web Adapter starts it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from local.stack.ports import find_free_port
from tests.fixtures.waits import WAIT_S, wait_until

_CHECKOUT = Path(__file__).resolve().parents[3]
_RUNTIME = _CHECKOUT / ".tools" / "lambda" / "bin"
"""Python with the packages of Lambda's runtime; `runtime_python` of the tests of the template installs it."""

_CUSTOMISATION = f"""
import runpy
runpy.run_path({str(_CHECKOUT / "local" / "bootstrap.py")!r})["install_endpoints"]()
"""
"""What Python runs at its start, from the folder of the runtime: it moves the vendors' addresses to the stand-ins."""


@contextmanager
def stream_server(packages: Path, variables: Mapping[str, str]) -> Iterator[httpx.Client]:
    """Run `run.sh` from its build folder with its layer; yields a client when the adapter's readiness check passes."""
    package = packages / "StreamFunction"
    port = find_free_port()
    with TemporaryDirectory() as runtime:
        Path(runtime, "sitecustomize.py").write_text(_CUSTOMISATION)
        environment = {
            **variables,
            "PATH": os.pathsep.join([str(_RUNTIME), os.environ["PATH"]]),
            "PYTHONPATH": str(packages / "CommonLayer" / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(package),
            "LAMBDA_RUNTIME_DIR": runtime,
            "AWS_LWA_PORT": str(port),
        }
        process = subprocess.Popen([package / "functions" / "api" / "run.sh"], env=environment)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as http:

                def is_ready() -> bool:
                    assert process.poll() is None, "run.sh exited"
                    try:
                        return http.get("/health/live/").status_code == 200
                    except httpx.TransportError:
                        return False

                wait_until(is_ready)
                yield http
        finally:
            process.kill()
            process.wait(WAIT_S)
