"""AWS Lambda on one machine: every function runs in worker processes of its own, under AWS's own runtime client."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from local.aws.sandbox import Invocation, InvocationHook, Sandbox, no_hook
from local.aws.sandbox_pool import SandboxPool, SandboxRoom
from local.aws.template import REGION, FunctionSpec

MAX_SANDBOXES_TOGETHER = 10
"""How many sandboxes of all functions there are. Each holds a connection of the database, of which a small project has
few; there must be as many as functions, so that each can have one."""

_CHECKOUT = Path(__file__).resolve().parents[2]
_BOOTSTRAP = _CHECKOUT / "local" / "bootstrap.py"
_REAPER_INTERVAL_S = 5.0
_INHERITED = ("PATH", "HOME", "TMPDIR")


class FunctionNotFound(Exception):
    """No function has this name."""


class LambdaService:
    """Invokes functions by name, as Lambda's synchronous Invoke does."""

    def __init__(  # noqa: PLR0913 - a service of many parts, each of which a test replaces
        self,
        functions: Mapping[str, FunctionSpec],
        *,
        environment: Callable[[FunctionSpec], Mapping[str, str]],
        log_folder: Path,
        python: Path = Path(sys.executable),
        task_root: Path = _CHECKOUT,
        idle_s: float = 10.0,
        stagger_s: float = 1.0,
        room: int = MAX_SANDBOXES_TOGETHER,
        invocation_hook: InvocationHook = no_hook,
    ) -> None:
        """Prepare the functions; nothing is started before the first call.

        Args:
            functions: What can be invoked, by name.
            environment: The variables of a function's workers. They get nothing else but what Lambda itself sets and
                the names in `_INHERITED`.
            log_folder: Where workers write, each function to `<name>.log`.
            python: Runs the workers; it must have awslambdaric.
            task_root: Where handlers are imported from, and the workers' current folder.
            idle_s: After so long without a call, all sandboxes of a function end, but for one where somebody may wait
                for the next call.
            stagger_s: While a function's sandboxes are busy, another one is started at most so often. A start takes a
                second of a processor, in which a warm sandbox answers many calls.
            room: How many sandboxes there may be; at least as many as functions.
            invocation_hook: Sees every invocation.
        """
        self._environment = environment
        self._log_folder = log_folder
        self._python = python
        self._task_root = task_root
        self._idle_s = idle_s
        self._closed = threading.Event()
        # Workers end when the thread that started them ends, so all are started by this one, which lives until close().
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="lambda-starter")
        self._room = SandboxRoom(max(room, len(functions)))
        self._pools = {
            name: SandboxPool(
                spec, partial(self._start_sandbox, spec, invocation_hook), room=self._room, stagger_s=stagger_s
            )
            for name, spec in functions.items()
        }
        self._reaper = threading.Thread(target=self._reap, name="lambda-reaper", daemon=True)
        self._reaper.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def invoke(self, name: str, payload: bytes) -> Invocation:
        """Run the function once with a JSON payload and wait for what comes of it.

        Raises:
            FunctionNotFound: There is no such function.
            LambdaServiceClosed: The service was closed meanwhile.
        """
        if name not in self._pools:
            raise FunctionNotFound(name)
        with self._pools[name].sandbox() as sandbox:
            return sandbox.invoke(payload)

    def pids(self, name: str) -> list[int]:
        """Return the process ids of the function's workers."""
        return self._pools[name].pids()

    def close(self) -> None:
        """Kill all workers, fail the calls that are running, and wait until everything is gone."""
        self._closed.set()
        with self._room.changed:
            ended = self._room.close()
        for sandbox in ended:
            sandbox.join()
        self._reaper.join()
        self._starter.shutdown()

    def _reap(self) -> None:
        while not self._closed.wait(min(self._idle_s / 2, _REAPER_INTERVAL_S)):
            for pool in self._pools.values():
                pool.end_surplus(self._idle_s)

    def _start_sandbox(self, spec: FunctionSpec, invocation_hook: InvocationHook) -> Sandbox:
        return Sandbox(spec, partial(self._start_worker, spec), invocation_hook=invocation_hook)

    def _start_worker(self, spec: FunctionSpec, runtime_api: str) -> subprocess.Popen[bytes]:
        self._log_folder.mkdir(parents=True, exist_ok=True)
        with (self._log_folder / f"{spec.name}.log").open("ab") as log:
            return self._starter.submit(
                lambda: subprocess.Popen(
                    [self._python, _BOOTSTRAP, spec.handler],
                    env=self._worker_environment(spec, runtime_api),
                    cwd=self._task_root,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C in the terminal is for the stack, which then ends its workers
                )
            ).result()

    def _worker_environment(self, spec: FunctionSpec, runtime_api: str) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **self._environment(spec),
            # Source: AWS Lambda, "Working with Lambda environment variables", defined runtime environment variables.
            "_HANDLER": spec.handler,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_REGION": REGION,
            "LAMBDA_TASK_ROOT": str(self._task_root),
            "TZ": ":UTC",
        }
