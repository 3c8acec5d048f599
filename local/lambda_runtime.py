"""AWS Lambda on one machine: every function runs in worker processes of its own, under AWS's own runtime client."""

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from local.sandbox import Invocation, Sandbox
from local.template import REGION, FunctionSpec

MAX_SANDBOXES = 8
"""How many calls of one function run at the same time; further ones wait."""

_CHECKOUT = Path(__file__).resolve().parents[1]
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_REAPER_INTERVAL_S = 5.0
_INHERITED = ("PATH", "HOME", "TMPDIR")


class FunctionNotFound(Exception):
    """No function has this name."""


class LambdaServiceClosed(Exception):
    """The service ended before the call could be given to a sandbox."""


class LambdaService:
    """Invokes functions by name, as Lambda's synchronous Invoke does."""

    def __init__(
        self,
        functions: Mapping[str, FunctionSpec],
        *,
        environment: Callable[[FunctionSpec], Mapping[str, str]],
        log_folder: Path,
        python: Path = Path(sys.executable),
        task_root: Path = _CHECKOUT,
        idle_s: float = 10.0,
        stagger_s: float = 1.0,
    ) -> None:
        """Prepare the functions; nothing is started before the first call.

        Args:
            functions: What can be invoked, by name.
            environment: The variables of a function's workers. They get nothing else but what Lambda itself sets and
                the names in `_INHERITED`.
            log_folder: Where workers write, each function to `<name>.log`.
            python: Runs the workers; it must have awslambdaric.
            task_root: Where handlers are imported from, and the workers' current folder.
            idle_s: After so long without a call, all sandboxes of a function but one end.
            stagger_s: While a function's sandboxes are busy, another one is started at most so often. A start takes a
                second of a processor, in which a warm sandbox answers many calls.
        """
        self._environment = environment
        self._log_folder = log_folder
        self._python = python
        self._task_root = task_root
        self._idle_s = idle_s
        self._closed = threading.Event()
        # Workers end when the thread that started them ends, so all are started by this one, which lives until close().
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="lambda-starter")
        self._pools = {name: _Pool(spec, self._start_worker, stagger_s=stagger_s) for name, spec in functions.items()}
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
        ended = [sandbox for pool in self._pools.values() for sandbox in pool.close()]
        for sandbox in ended:
            sandbox.join()
        self._reaper.join()
        self._starter.shutdown()

    def _reap(self) -> None:
        while not self._closed.wait(min(self._idle_s / 2, _REAPER_INTERVAL_S)):
            for pool in self._pools.values():
                pool.end_surplus(self._idle_s)

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


class _Pool:
    """The sandboxes of one function."""

    def __init__(
        self, spec: FunctionSpec, start: Callable[[FunctionSpec, str], subprocess.Popen[bytes]], *, stagger_s: float
    ) -> None:
        self._spec = spec
        self._start = start
        self._stagger_s = stagger_s
        self._may_start_at = 0.0  # on the monotonic clock
        self._changed = threading.Condition()
        self._closed = False
        self._busy: set[Sandbox] = set()
        self._free: list[tuple[float, Sandbox]] = []  # with the time since when; the one used last is last

    @contextmanager
    def sandbox(self) -> Iterator[Sandbox]:
        """Lend a sandbox for one call: a free one, a new one, or the first that comes back."""
        sandbox = self._take()
        try:
            yield sandbox
        except BaseException:  # a caller that is interrupted leaves a call behind
            sandbox.end()
            raise
        finally:
            self._give_back(sandbox)

    def pids(self) -> list[int]:
        with self._changed:
            return [sandbox.pid for sandbox in self._all() if sandbox.is_usable]

    def end_surplus(self, idle_s: float) -> None:
        """End what has been free for `idle_s` seconds, but for one sandbox."""
        with self._changed:
            while self._free and len(self._all()) > 1 and time.monotonic() - self._free[0][0] >= idle_s:
                self._free.pop(0)[1].end()

    def close(self) -> list[Sandbox]:
        """End all sandboxes, refuse further calls and return what has been ended."""
        with self._changed:
            self._closed = True
            ended = self._all()
            for sandbox in ended:
                sandbox.end()
            self._changed.notify_all()
        return ended

    def _take(self) -> Sandbox:
        with self._changed:
            while not self._closed and not self._free and (wait_s := self._start_wait_s()) != 0:
                self._changed.wait(wait_s)
            if self._closed:
                raise LambdaServiceClosed(self._spec.name)
            self._free = [(since, sandbox) for since, sandbox in self._free if sandbox.is_usable]
            sandbox = self._free.pop()[1] if self._free else self._new()
            self._busy.add(sandbox)
            return sandbox

    def _start_wait_s(self) -> float | None:
        """Return how long to wait before another sandbox may be started; None: until one comes back."""
        if len(self._busy) == MAX_SANDBOXES:
            return None
        return max(0.0, self._may_start_at - time.monotonic()) if self._busy else 0.0

    def _new(self) -> Sandbox:
        self._may_start_at = time.monotonic() + self._stagger_s
        return Sandbox(self._spec, lambda runtime_api: self._start(self._spec, runtime_api))

    def _give_back(self, sandbox: Sandbox) -> None:
        with self._changed:
            self._busy.discard(sandbox)
            if sandbox.is_usable and not self._closed:
                self._free.append((time.monotonic(), sandbox))
            else:
                sandbox.end()
            self._changed.notify()

    def _all(self) -> list[Sandbox]:
        return [*self._busy, *(sandbox for _, sandbox in self._free)]
