"""The system as a command: `make run` in a child process, with all its descendants."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from local.stack.system import ROOT

LOCAL = (sys.executable, "-m", "local", "--env-file", os.devnull)
"""The command without the keys that a developer may have in `.env`."""
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")


def environment_of(settings: Mapping[str, str] | None) -> dict[str, str]:
    """Return the variables of a command: the given settings, without those of the developer."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | dict(settings or {})


@contextmanager
def running_command(
    data: Path, command: Sequence[str] | None = None, *, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the system as a child process, by default with make's command; yields it and the fields of its READY line."""
    run = [*LOCAL, "run", "--port", str(free_port()), "--data", str(data)]
    with subprocess.Popen(
        command or run,
        cwd=ROOT,
        env=environment_of(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if line.startswith("READY ")), None)
            assert line is not None, "it ended without a READY line"
            yield process, json.loads(line.removeprefix("READY "))
        finally:
            process.kill()


def tree_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the process and its descendants."""
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
