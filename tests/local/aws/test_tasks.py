import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.aws.tasks import MAX_TASKS, Task, TaskRefused, TaskService
from local.aws.template import TaskSpec
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from tests.fixtures.waits import WAIT_S, wait_until
from whyviral.core.endpoints import Endpoints

ROOT = Path(__file__).resolve().parents[3]
SPEC = TaskSpec("Work", "work", "tests.local.handlers.task", frozenset({"DO"}))


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[TaskService]:
    own = {ENDPOINTS_VARIABLE: dump_endpoints(Endpoints(twitterapi_url="http://127.0.0.1:1"))}
    with TaskService({"Work": SPEC}, environment=lambda _: own, log_folder=tmp_path / "logs") as service:
        yield service


def run(tasks: TaskService, do: str, **variables: str) -> Task:
    return tasks.task(tasks.run("Work", {"work": {"DO": do, **variables}}))


def sleeping(tasks: TaskService, folder: Path, name: str = "pids") -> tuple[Task, list[int]]:
    """Start a task that sleeps and has a child process; returns it with both process ids."""
    task = run(tasks, f"sleep {folder / name}")
    return task, pids_in(folder / name)


def pids_in(file: Path) -> list[int]:
    wait_until(file.exists)
    return [int(pid) for pid in file.read_text(encoding="utf-8").split()]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_task_is_a_module_with_its_own_variables_and_no_others(
    tasks: TaskService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_USER", "x")

    task = run(tasks, "describe", REQUEST_ID="r-1")

    assert task.wait(WAIT_S)
    description = json.loads((tmp_path / "logs" / "Work.log").read_text())
    assert (task.exit_code, description["argv"], description["path"]) == (0, [], str(ROOT))
    assert description["twitterapi_url"] == "http://127.0.0.1:1"
    assert description["environment"]["REQUEST_ID"] == "r-1"
    assert description["environment"].keys() - {"PATH", "HOME", "TMPDIR", "LC_CTYPE"} == {
        "DO",
        "REQUEST_ID",
        ENDPOINTS_VARIABLE,
    }


def test_the_exit_code_of_a_task_is_available(tasks: TaskService) -> None:
    task = run(tasks, "leave 3")

    assert task.wait(WAIT_S)
    assert task.exit_code == 3


def test_the_temporary_files_of_a_killed_task_are_deleted(tasks: TaskService, tmp_path: Path) -> None:
    task = run(tasks, f"litter {tmp_path / 'where'}")
    wait_until(lambda: (tmp_path / "where").exists() and bool((tmp_path / "where").read_text()))
    left = Path((tmp_path / "where").read_text())
    assert left.is_dir()

    task.stop()

    assert task.wait(WAIT_S)
    assert not left.parent.exists()


def test_no_more_tasks_run_at_once_than_there_are_slots(tasks: TaskService, tmp_path: Path) -> None:
    running = [sleeping(tasks, tmp_path, f"pids-{number}")[0] for number in range(MAX_TASKS)]

    waiting = run(tasks, "leave 0")

    assert (waiting.wait(0.3), waiting.pid) == (False, None)
    running[0].stop()
    assert waiting.wait(WAIT_S)
    assert (running[0].exit_code, waiting.exit_code) == (-signal.SIGKILL, 0)


def test_stopping_a_task_ends_its_child_processes(tasks: TaskService, tmp_path: Path) -> None:
    task, pids = sleeping(tasks, tmp_path)

    task.stop()

    assert task.wait(WAIT_S)
    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_a_killed_task_leaves_no_child_process_behind(tasks: TaskService, tmp_path: Path) -> None:
    task, (pid, child) = sleeping(tasks, tmp_path)

    psutil.Process(pid).kill()

    assert task.wait(WAIT_S)
    wait_until(lambda: is_gone(child))


def test_closing_ends_running_tasks_drops_queued_ones_and_refuses_new_ones(tasks: TaskService, tmp_path: Path) -> None:
    running = [sleeping(tasks, tmp_path, f"pids-{number}") for number in range(MAX_TASKS)]
    waiting = run(tasks, "leave 0")

    tasks.close()

    assert all(is_gone(pid) for _, (pid, _child) in running)
    wait_until(lambda: all(is_gone(child) for _, (_pid, child) in running))  # killed too, but reaped later
    assert (waiting.wait(0), waiting.exit_code) == (True, None)
    with pytest.raises(TaskRefused, match="shutting down"):
        run(tasks, "leave 0")


@pytest.mark.parametrize(("name", "container"), [("Other", "work"), ("Work", "other")])
def test_a_task_that_is_not_in_the_template_is_refused(tasks: TaskService, name: str, container: str) -> None:
    with pytest.raises(TaskRefused, match=f"{name}.*{container}"):
        tasks.run(name, {container: {"DO": "leave 0"}})


def test_a_task_ends_with_a_stack_that_is_killed(tmp_path: Path) -> None:
    stack = subprocess.Popen(
        [sys.executable, "tests/local/handlers/serve_task.py", str(tmp_path)], cwd=ROOT, env={"PYTHONPATH": "."}
    )
    (pid, child) = pids_in(tmp_path / "pids")

    stack.kill()
    stack.wait()

    wait_until(lambda: is_gone(pid))
    psutil.Process(child).kill()  # the worker itself must end its own children
