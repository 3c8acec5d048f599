"""Amazon ECS on one machine: every task is a process, started as its definition in the template says."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from local.aws.failure_events import task_event
from local.aws.template import ACCOUNT_ID, REGION, TaskSpec

MAX_TASKS = 2
"""The limit on concurrent tasks; further tasks wait, as they do for capacity on AWS."""

_CHECKOUT = Path(__file__).resolve().parents[2]
_BOOTSTRAP = _CHECKOUT / "local" / "bootstrap.py"
_INHERITED = ("PATH", "HOME")


class TaskRefused(Exception):
    """The task cannot be run; corresponds to the failures in RunTask's response."""


class TaskService:
    """Runs tasks as RunTask does: the call returns immediately, and the task starts when a slot is free."""

    def __init__(
        self,
        definitions: Mapping[str, TaskSpec],
        *,
        environment: Callable[[TaskSpec], Mapping[str, str]],
        log_folder: Path,
        publish: Callable[[dict[str, Any]], None] = lambda _: None,
        root: Path = _CHECKOUT,
    ) -> None:
        """Prepare the service; the first task starts the first process.

        Args:
            definitions: The task definitions by name.
            environment: Returns the variables of a definition. A task gets only these, those of its overrides, the
                names in `_INHERITED` and its own `TMPDIR`.
            log_folder: The folder of the tasks' logs, `<name>.log` for each definition.
            publish: Called with an event for each task that exits with a status other than 0 or does not start,
                unless the service is closing.
            root: The folder from which modules are imported, and the tasks' working directory.
        """
        self._definitions = definitions
        self._environment = environment
        self._log_folder = log_folder
        self._publish = publish
        self._root = root
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._is_closed = False
        # A process ends with the thread that started it, so each slot starts its own and lives until close().
        self._slots = ThreadPoolExecutor(MAX_TASKS, thread_name_prefix="ecs-slot")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, name: str, overrides: Mapping[str, Mapping[str, str]]) -> str:
        """Queue a task and return its ARN.

        Args:
            name: The name of its definition.
            overrides: Variables by container.

        Raises:
            TaskRefused: There is no such definition or container, or the service is closed.
        """
        spec = self._definitions.get(name)
        if spec is None or overrides.keys() - {spec.container}:
            raise TaskRefused(f"there is no task definition {name} with the containers {sorted(overrides)}")
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:task/local/{uuid.uuid4().hex}"
        with self._lock:
            if self._is_closed:
                raise TaskRefused("the service is shutting down")
            variables = overrides.get(spec.container, {})
            task = self._tasks[arn] = Task(lambda scratch: self._start(spec, variables, scratch))
            self._slots.submit(self._run, task, arn, spec, variables)
        return arn

    def task(self, arn: str) -> "Task":
        """Return a task by the ARN that `run` returned."""
        return self._tasks[arn]

    def close(self) -> None:
        """Kill all tasks and their child processes, drop the queued tasks, and wait until all have ended."""
        with self._lock:
            self._is_closed = True
            tasks = list(self._tasks.values())
        for task in tasks:
            task.stop()
        self._slots.shutdown()

    def _run(self, task: "Task", arn: str, spec: TaskSpec, variables: Mapping[str, str]) -> None:
        try:
            task.run()
        finally:
            if task.exit_code != 0 and not self._is_closed:
                self._publish(task_event(arn, spec.arn, spec.container, variables, task.exit_code))

    def _start(self, spec: TaskSpec, variables: Mapping[str, str], scratch: str) -> subprocess.Popen[bytes]:
        self._log_folder.mkdir(parents=True, exist_ok=True)
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with (self._log_folder / f"{spec.name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, _BOOTSTRAP, "-m", spec.module],
                env={**inherited, "TMPDIR": scratch, **self._environment(spec), **variables},
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the task and its children form one process group, which is killed as a whole
            )


class Task:
    """One task, which is queued, running or stopped."""

    def __init__(self, start: Callable[[str], subprocess.Popen[bytes]]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = False
        self._stopped = threading.Event()

    @property
    def pid(self) -> int | None:
        """The process id; None before the start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """The exit status, negative for a signal; None for a task that is running or never started."""
        return self._process.returncode if self._process else None

    def wait(self, timeout_s: float) -> bool:
        """Wait until the task has stopped; returns False if it has not within the time."""
        return self._stopped.wait(timeout_s)

    def run(self) -> None:
        """Start the process and wait for its end; the calling thread must live as long as the process."""
        try:
            # The task's files are deleted with it, like a container's. A child process may still be writing one.
            with tempfile.TemporaryDirectory(prefix="whyviral-task-", ignore_cleanup_errors=True) as scratch:
                self._run_in(scratch)
        finally:
            self._stopped.set()

    def _run_in(self, scratch: str) -> None:
        with self._lock:
            if self._is_stopping:
                return
            self._process = self._start(scratch)
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:  # until the process is reaped, its process group id cannot be reused
            self._kill(self._process)
            self._process.wait()

    def stop(self) -> None:
        """Kill the task, or prevent its start."""
        with self._lock:
            self._is_stopping = True
            if self._process is not None and self._process.returncode is None:
                self._kill(self._process)

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
