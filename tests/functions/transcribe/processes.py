"""Starts the worker as a process with an environment."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[3]


@contextmanager
def running_worker(variables: Mapping[str, str], *, launcher: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """Run the worker with these environment variables. `launcher` is a Python program that starts it."""
    environment = {"PATH": os.environ["PATH"], **variables}
    command = [sys.executable, *launcher, "-m", "functions.transcribe.worker"]
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
