"""`make ask` and `make chat` without a system to talk to."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack.data_folder import locked
from local.stack.ports import find_free_port
from local.stack.system import ROOT
from tests.fixtures.waits import WAIT_S

URL = "https://x.com/jack/status/20"


def run(*arguments: str | Path) -> tuple[int, str]:
    """Run a command and return its exit status and what it reports."""
    done = subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", [("ask", URL), ("chat",)], ids=["ask", "chat"])
def test_a_stopped_system_is_reported_with_the_command_that_starts_it(command: tuple[str, ...], tmp_path: Path) -> None:
    assert run(*command, "--data", tmp_path) == (
        1,
        "whyviral: the system is not running; start it with `make run`\n",
    )


@pytest.mark.parametrize("command", [("ask", URL), ("chat",)], ids=["ask", "chat"])
def test_a_system_that_does_not_answer_is_reported(command: tuple[str, ...], tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{find_free_port()}"
    (tmp_path / "run.json").write_text(json.dumps({"api": address, "token": "token"}))

    with locked(tmp_path):
        status, error = run(*command, "--data", tmp_path)

    assert (status, error.startswith(f"whyviral: the system at {address} does not answer")) == (1, True)


def test_a_command_without_a_url_names_the_command_with_one() -> None:
    assert run("ask", "") == (1, "whyviral: name the post: make ask URL=https://…\n")


def test_a_system_with_the_real_clerk_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"api": "http://127.0.0.1:1", "token": None}))

    with locked(tmp_path):
        status, error = run("ask", URL, "--data", tmp_path)

    assert (status, "uses the real Clerk" in error) == (1, True)
