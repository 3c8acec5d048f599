"""A server of the stack in a child process: started, waited for and stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from local.stack.errors import StackError

_CHECKOUT = Path(__file__).parents[2]
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0
_POLL_INTERVAL_S = 0.05
_INHERITED = ("PATH", "HOME", "LANG")


def inherited_environment() -> dict[str, str]:
    """Return the variables of this process that every server gets."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


@contextmanager
def server_process(
    module: str, port: int, environment: Mapping[str, str], logs: Path, options: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m <module> --port <port>` inside the block, with its output in `<module>.log`."""
    log: IO[bytes]
    with (logs / f"{module}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", str(port), *options],
            env=dict(environment),
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal must reach only the stack, which then stops its servers
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_up(url: str, process: subprocess.Popen[bytes], *, name: str, logs: Path) -> None:
    """Wait until the server answers with success.

    Raises:
        StackError: the process exited, or did not answer in time.
    """
    deadline_mono_s = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline_mono_s:
        if process.poll() is not None:
            raise StackError(f"{name} exited during start with status {process.returncode}; see the logs in {logs}")
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(_POLL_INTERVAL_S)
    raise StackError(f"{name} did not start within {_START_TIMEOUT_S:.0f} s; see the logs in {logs}")
