"""Which sandboxes there are: those of each function, within the room that all functions share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from local.aws.sandbox import Sandbox
from local.aws.template import FunctionSpec

MAX_SANDBOXES = 8
"""How many calls of one function run at the same time; further ones wait."""
_LOOK_AGAIN_S = 0.2
_UNUSED_S = 5.0
"""After so long without a call a sandbox may have to make room for one more of a busy function."""


class LambdaServiceClosed(Exception):
    """The service ended before the call could be given to a sandbox."""


class SandboxRoom:
    """The room that the sandboxes of all functions share; what follows is called with `changed` held.

    A call that waits holds nothing that another one waits for, and a function that has no sandbox gets the next one's
    place that is given back, as there is room for one of each: so every call has its turn.
    """

    def __init__(self, size: int) -> None:
        """Make room for so many sandboxes; for at least as many as there will be functions."""
        self.changed = Condition()
        self.is_closed = False
        self._size = size
        self._pools: list[SandboxPool] = []

    def enter(self, pool: "SandboxPool") -> None:
        """Let a function in."""
        self._pools.append(pool)

    def close(self) -> list[Sandbox]:
        """End all sandboxes, refuse further calls and return what has been ended."""
        self.is_closed = True
        ended = [sandbox for pool in self._pools for sandbox in pool.all()]
        for sandbox in ended:
            sandbox.end()
        self.changed.notify_all()
        return ended

    def make_space(self, pool: "SandboxPool") -> bool:
        """Whether the function may have another sandbox now, if need be in place of one that nobody uses."""
        if self._has_space():
            return not pool.all() or not self._somebody_has_none(pool)
        unused_s = _UNUSED_S if pool.all() else 0.0
        others = [other for other in self._pools if other is not pool and other.unused_s() >= unused_s]
        if not others:
            return False
        max(others, key=SandboxPool.unused_s).end_oldest()
        return True

    def takes_back(self, pool: "SandboxPool") -> bool:
        """Whether a sandbox that is given back must go, because there is a function that waits and has none."""
        return len(pool.all()) > 1 and not self._has_space() and self._somebody_has_none(pool)

    def _has_space(self) -> bool:
        return sum(len(pool.all()) for pool in self._pools) < self._size

    def _somebody_has_none(self, pool: "SandboxPool") -> bool:
        return any(other.is_waited_for and not other.all() for other in self._pools if other is not pool)


class SandboxPool:
    """The sandboxes of one function."""

    def __init__(
        self,
        spec: FunctionSpec,
        start: Callable[[], Sandbox],
        *,
        room: SandboxRoom,
        stagger_s: float,
    ) -> None:
        """Start without a sandbox; see `LambdaService` for the arguments."""
        self._spec = spec
        self._start = start
        self._room = room
        self._stagger_s = stagger_s
        self._may_start_at = 0.0  # on the monotonic clock
        self._waiting = 0
        self._busy: set[Sandbox] = set()
        self._free: list[tuple[float, Sandbox]] = []  # with the time since when; the one used last is last
        room.enter(self)

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
        """Return the process ids of the function's workers."""
        with self._room.changed:
            return [sandbox.pid for sandbox in self.all() if sandbox.is_usable]

    def end_surplus(self, idle_s: float) -> None:
        """End what has been free for `idle_s` seconds, but for one sandbox of a function that somebody may wait for."""
        kept = 1 if self._spec.is_waited_for else 0
        with self._room.changed:
            while len(self.all()) > kept and self.unused_s() >= idle_s:
                self.end_oldest()

    def all(self) -> list[Sandbox]:
        """Return those that run a call and those that do not."""
        return [*self._busy, *(sandbox for _, sandbox in self._free)]

    @property
    def is_waited_for(self) -> bool:
        """Whether a call waits for a sandbox."""
        return self._waiting > 0

    def unused_s(self) -> float:
        """Return for how long one of the sandboxes has been free; -1 when none is."""
        return time.monotonic() - self._free[0][0] if self._free else -1.0

    def end_oldest(self) -> None:
        """End the sandbox that has been free for longest."""
        self._free.pop(0)[1].end()

    def _take(self) -> Sandbox:
        with self._room.changed:
            self._waiting += 1
            try:
                while (sandbox := self._find()) is None:
                    self._room.changed.wait(_LOOK_AGAIN_S)
            finally:
                self._waiting -= 1
            self._busy.add(sandbox)
            return sandbox

    def _find(self) -> Sandbox | None:
        if self._room.is_closed:
            raise LambdaServiceClosed(self._spec.name)
        self._free = [(since, sandbox) for since, sandbox in self._free if sandbox.is_usable]
        if self._free:
            return self._free.pop()[1]
        is_too_soon = bool(self._busy) and time.monotonic() < self._may_start_at
        if is_too_soon or len(self._busy) >= MAX_SANDBOXES or not self._room.make_space(self):
            return None
        self._may_start_at = time.monotonic() + self._stagger_s
        return self._start()

    def _give_back(self, sandbox: Sandbox) -> None:
        with self._room.changed:
            must_go = self._room.is_closed or not sandbox.is_usable or self._room.takes_back(self)
            self._busy.discard(sandbox)
            if must_go:
                sandbox.end()
            else:
                self._free.append((time.monotonic(), sandbox))
            self._room.changed.notify_all()
