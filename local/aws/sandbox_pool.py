"""Pools of sandboxes, one for each function, within a capacity that all functions share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from local.aws.sandbox import Sandbox
from local.aws.template import FunctionSpec

MAX_SANDBOXES = 8
"""The limit on concurrent calls of one function; further calls wait."""
_POLL_INTERVAL_S = 0.2
_MIN_UNUSED_S = 5.0
"""How long a sandbox must be unused before it can be ended in favour of a function that already has one."""


class LambdaServiceClosed(Exception):
    """The service closed before a sandbox was free for the call."""


class SandboxCapacity:
    """The number of sandboxes that all functions share; callers of its methods hold `changed`.

    Every call gets its turn. A waiting call holds nothing that another call waits for, and a function without a sandbox
    takes the place of an unused one of another function, or of the next that is given back.
    """

    def __init__(self, size: int) -> None:
        """Allow `size` sandboxes."""
        self.changed = Condition()
        self.is_closed = False
        self._size = size
        self._pools: list[SandboxPool] = []

    def add(self, pool: "SandboxPool") -> None:
        """Add the pool of a function."""
        self._pools.append(pool)

    def close(self) -> list[Sandbox]:
        """End all sandboxes, refuse further calls and return the ended sandboxes."""
        self.is_closed = True
        ended = [sandbox for pool in self._pools for sandbox in pool.all()]
        for sandbox in ended:
            sandbox.end()
        self.changed.notify_all()
        return ended

    def acquire(self, pool: "SandboxPool") -> bool:
        """Whether the function may start another sandbox now; an unused one of another function may be ended for it."""
        if self._has_space():
            return not pool.all() or not self._another_waits_without_any(pool)
        unused_s = _MIN_UNUSED_S if pool.all() else 0.0
        others = [other for other in self._pools if other is not pool and other.unused_s() >= unused_s]
        if not others:
            return False
        max(others, key=SandboxPool.unused_s).end_oldest()
        return True

    def must_release(self, pool: "SandboxPool") -> bool:
        """Whether a returned sandbox must end, because another function waits and has none."""
        return len(pool.all()) > 1 and not self._has_space() and self._another_waits_without_any(pool)

    def _has_space(self) -> bool:
        return sum(len(pool.all()) for pool in self._pools) < self._size

    def _another_waits_without_any(self, pool: "SandboxPool") -> bool:
        return any(other.has_waiting_calls and not other.all() for other in self._pools if other is not pool)


class SandboxPool:
    """The sandboxes of one function."""

    def __init__(
        self,
        spec: FunctionSpec,
        start: Callable[[], Sandbox],
        *,
        capacity: SandboxCapacity,
        stagger_s: float,
    ) -> None:
        """Create a pool without sandboxes; see `LambdaService` for the arguments."""
        self._spec = spec
        self._start = start
        self._capacity = capacity
        self._stagger_s = stagger_s
        self._next_start_mono_s = 0.0
        self._waiting = 0
        self._busy: set[Sandbox] = set()
        self._free: list[tuple[float, Sandbox]] = []  # (monotonic time of its last use, sandbox), oldest first
        capacity.add(self)

    @contextmanager
    def sandbox(self) -> Iterator[Sandbox]:
        """Lend a sandbox for one call: a free one, a new one, or the first that is returned."""
        sandbox = self._acquire()
        try:
            yield sandbox
        except BaseException:  # an interrupted caller leaves its call running
            sandbox.end()
            raise
        finally:
            self._release(sandbox)

    def pids(self) -> list[int]:
        """Return the process ids of the function's workers."""
        with self._capacity.changed:
            return [sandbox.pid for sandbox in self.all() if sandbox.is_usable]

    def end_idle(self, idle_s: float) -> None:
        """End sandboxes that were free for `idle_s` seconds; keep one if callers wait for the function's answer."""
        kept = 1 if self._spec.has_waiting_callers else 0
        with self._capacity.changed:
            while len(self.all()) > kept and self.unused_s() >= idle_s:
                self.end_oldest()

    def all(self) -> list[Sandbox]:
        """Return the busy and the free sandboxes."""
        return [*self._busy, *(sandbox for _, sandbox in self._free)]

    @property
    def has_waiting_calls(self) -> bool:
        """Whether a call waits for a sandbox."""
        return self._waiting > 0

    def unused_s(self) -> float:
        """Return the seconds since the longest-free sandbox was used; -1 if none is free."""
        return time.monotonic() - self._free[0][0] if self._free else -1.0

    def end_oldest(self) -> None:
        """End the sandbox that has been free longest."""
        self._free.pop(0)[1].end()

    def _acquire(self) -> Sandbox:
        with self._capacity.changed:
            self._waiting += 1
            try:
                while (sandbox := self._find_or_start()) is None:
                    self._capacity.changed.wait(_POLL_INTERVAL_S)
            finally:
                self._waiting -= 1
            self._busy.add(sandbox)
            return sandbox

    def _find_or_start(self) -> Sandbox | None:
        if self._capacity.is_closed:
            raise LambdaServiceClosed(self._spec.name)
        self._free = [(last_use_mono_s, sandbox) for last_use_mono_s, sandbox in self._free if sandbox.is_usable]
        if self._free:
            return self._free.pop()[1]
        is_too_soon = bool(self._busy) and time.monotonic() < self._next_start_mono_s
        if is_too_soon or len(self._busy) >= MAX_SANDBOXES or not self._capacity.acquire(self):
            return None
        self._next_start_mono_s = time.monotonic() + self._stagger_s
        return self._start()

    def _release(self, sandbox: Sandbox) -> None:
        with self._capacity.changed:
            must_end = self._capacity.is_closed or not sandbox.is_usable or self._capacity.must_release(self)
            self._busy.discard(sandbox)
            if must_end:
                sandbox.end()
            else:
                self._free.append((time.monotonic(), sandbox))
            self._capacity.changed.notify_all()
