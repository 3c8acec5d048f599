"""AWS Lambda on one machine: every function runs in its own worker processes, under AWS's runtime client."""

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
from local.aws.sandbox_pool import SandboxCapacity, SandboxPool
from local.aws.template import REGION, FunctionSpec

MAX_TOTAL_SANDBOXES = 12
"""The limit on the sandboxes of all functions together. Each holds a database connection, of which a small project has
few. It may be below the number of functions: a function without a sandbox takes the place of an unused one."""

_CHECKOUT = Path(__file__).resolve().parents[2]
_BOOTSTRAP = _CHECKOUT / "local" / "bootstrap.py"
_REAPER_INTERVAL_S = 5.0
_INHERITED = ("PATH", "HOME", "TMPDIR")


class FunctionNotFound(Exception):
    """No function has this name."""


class LambdaService:
    """Invokes functions by name, as Lambda's synchronous Invoke does."""

    def __init__(  # noqa: PLR0913 - tests replace each of these parts
        self,
        functions: Mapping[str, FunctionSpec],
        *,
        environment: Callable[[FunctionSpec], Mapping[str, str]],
        log_folder: Path,
        python: Path = Path(sys.executable),
        task_root: Path = _CHECKOUT,
        idle_s: float = 10.0,
        stagger_s: float = 1.0,
        max_sandboxes: int = MAX_TOTAL_SANDBOXES,
        invocation_hook: InvocationHook = no_hook,
    ) -> None:
        """Prepare the functions; the first call starts the first worker.

        Args:
            functions: The functions by name.
            environment: Returns the variables of a function's workers. The workers get only these, the variables that
                Lambda sets, and the names in `_INHERITED`.
            log_folder: The folder of the workers' logs, `<name>.log` for each function.
            python: The interpreter of the workers; it must have awslambdaric.
            task_root: The folder from which handlers are imported, and the workers' working directory.
            idle_s: Seconds without a call after which a function's sandboxes end. A function whose callers wait for
                its answer keeps one.
            stagger_s: The minimum interval between two starts while the function has busy sandboxes. A start takes a
                second of a processor, in which a warm sandbox answers many calls.
            max_sandboxes: The limit on all sandboxes.
            invocation_hook: Called around every invocation.
        """
        self._environment = environment
        self._log_folder = log_folder
        self._python = python
        self._task_root = task_root
        self._idle_s = idle_s
        self._closed = threading.Event()
        # A worker ends with the thread that started it, so this thread starts all of them and lives until close().
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="lambda-starter")
        self._capacity = SandboxCapacity(max_sandboxes)
        self._pools = {
            name: SandboxPool(
                spec, partial(self._start_sandbox, spec, invocation_hook), capacity=self._capacity, stagger_s=stagger_s
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
        """Run the function once with a JSON payload and return its result or error.

        Raises:
            FunctionNotFound: There is no such function.
            LambdaServiceClosed: The service was closed before a sandbox was free.
        """
        if name not in self._pools:
            raise FunctionNotFound(name)
        with self._pools[name].sandbox() as sandbox:
            return sandbox.invoke(payload)

    def pids(self, name: str) -> list[int]:
        """Return the process ids of the function's workers."""
        return self._pools[name].pids()

    def close(self) -> None:
        """Kill all workers, fail their calls, and wait until all processes and threads have ended."""
        self._closed.set()
        with self._capacity.changed:
            ended = self._capacity.close()
        for sandbox in ended:
            sandbox.join()
        self._reaper.join()
        self._starter.shutdown()

    def _reap(self) -> None:
        while not self._closed.wait(min(self._idle_s / 2, _REAPER_INTERVAL_S)):
            for pool in self._pools.values():
                pool.end_idle(self._idle_s)

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
                    start_new_session=True,  # Ctrl-C must reach only the stack, which then ends its workers
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
