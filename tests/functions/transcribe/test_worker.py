"""The worker as it is started: a process with an environment, on a real database and a real task token."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.fakes.written_metrics import metrics_in
from tests.fixtures.database import Database
from tests.fixtures.task_tokens import WaitingTasks
from tests.fixtures.waits import WAIT_S, wait_until
from tests.functions.transcribe.conftest import unknown_job
from tests.functions.transcribe.processes import running_worker
from whyviral.core.clock import utc_now

_SETTINGS = {"SUPABASE_URL": "https://project.supabase.co", "SUPABASE_SECRET_KEY": "sb_secret_example"}


POWERLESS = """
import ctypes, os, sys
for capability in range(41):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: the next program has none, root's neither
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def database_url(fresh_database: Callable[[], Database]) -> str:
    return fresh_database().url


def test_one_job_is_done_and_its_end_is_told(waiting_tasks: WaitingTasks, database_url: str) -> None:
    execution, job = waiting_tasks.start(), unknown_job()
    token = waiting_tasks.take_token()
    work = {"TASK_TOKEN": token, "REQUEST_ID": str(job.request_id), "ATTEMPT": str(job.attempt)}
    work |= {"TRACE_ID": "call-1", "QUEUED_AT": utc_now().isoformat()}

    with running_worker({**_SETTINGS, **waiting_tasks.environment, **work, "SUPABASE_DB_URL": database_url}) as process:
        output, _ = process.communicate(timeout=WAIT_S)

    assert process.returncode == 0, output
    # There is no such attempt: as far as the worker can see it has been superseded.
    assert waiting_tasks.end_of(execution) == ("SUCCEEDED", {"outcome": "superseded"})
    lines = [json.loads(line) for line in output.splitlines() if "_aws" not in line]
    assert [(line["message"], line["request_id"]) for line in lines] == [("job finished", str(job.request_id))]
    assert {json.loads(line)["trace_id"] for line in output.splitlines()} == {"call-1"}
    assert {value.name for value in metrics_in(output)} == {"StageDuration", "QueueWait"}
    assert token not in output


def test_what_is_missing_is_told_to_whoever_waits(waiting_tasks: WaitingTasks, database_url: str) -> None:
    execution, job = waiting_tasks.start(), unknown_job()
    work = {"TASK_TOKEN": waiting_tasks.take_token(), "REQUEST_ID": str(job.request_id), "ATTEMPT": "1"}

    with running_worker({**waiting_tasks.environment, **work, "SUPABASE_DB_URL": database_url}) as process:
        output, _ = process.communicate(timeout=WAIT_S)

    assert process.returncode == 1
    assert waiting_tasks.end_of(execution) == ("FAILED", "SettingsError")
    assert "SUPABASE_URL" in output


def test_a_worker_of_a_queue_does_what_comes_until_it_is_asked_to_end(
    waiting_tasks: WaitingTasks, database_url: str
) -> None:
    execution = waiting_tasks.start(unknown_job().model_dump(mode="json"))
    queue = {"QUEUE_URL": waiting_tasks.queue_url, "SUPABASE_DB_URL": database_url}

    with running_worker({**_SETTINGS, **waiting_tasks.environment, **queue}) as process:
        assert waiting_tasks.end_of(execution) == ("SUCCEEDED", {"outcome": "superseded"})
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)

    assert process.returncode == 0
    assert waiting_tasks.messages() == 0


def _read_as_decoder(process: "subprocess.Popen[str]") -> str:
    """Return what a process of the same user without any rights gets to read of this one's environment."""
    # Until it has given its own rights up.
    wait_until(lambda: POWERLESS not in Path(f"/proc/{process.pid}/cmdline").read_text())
    program = "import sys; print(open(sys.argv[1]).read())"
    command = [sys.executable, "-c", POWERLESS, "-c", program, f"/proc/{process.pid}/environ"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout or ended.stderr.splitlines()[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_what_decodes_cannot_read_the_secrets_of_the_worker(waiting_tasks: WaitingTasks) -> None:
    queue = {"QUEUE_URL": waiting_tasks.queue_url, "SUPABASE_DB_URL": "postgresql://nobody@127.0.0.1:9/none"}

    with running_worker({**_SETTINGS, **waiting_tasks.environment, **queue}, launcher=["-c", POWERLESS]) as process:
        told = wait_until(lambda: told if "PermissionError" in (told := _read_as_decoder(process)) else "")

    assert told == f"PermissionError: [Errno 13] Permission denied: '/proc/{process.pid}/environ'"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_process_that_does_nothing_about_it_can_be_read() -> None:
    command = [sys.executable, "-c", POWERLESS, "-c", "input()"]

    with subprocess.Popen(command, env=_SETTINGS, stdin=subprocess.PIPE, text=True) as process:
        told = _read_as_decoder(process)
        process.kill()

    assert "sb_secret_example" in told


@pytest.mark.parametrize(
    "work",
    [
        {},
        {"TASK_TOKEN": "token"},
        {"TASK_TOKEN": "token", "REQUEST_ID": "5c1d1f0a-9f3b-4d2e-8a52-0f6f2a1c9b11"},
        {"REQUEST_ID": "5c1d1f0a-9f3b-4d2e-8a52-0f6f2a1c9b11", "ATTEMPT": "1"},
    ],
)
def test_a_worker_without_work_says_what_it_needs(work: Mapping[str, str]) -> None:
    with running_worker({"SUPABASE_DB_URL": "postgresql://nobody@127.0.0.1:9/none", **work}) as process:
        output, _ = process.communicate(timeout=WAIT_S)

    assert process.returncode == 1
    assert "set TASK_TOKEN, REQUEST_ID and ATTEMPT for one job, or QUEUE_URL for many" in output
