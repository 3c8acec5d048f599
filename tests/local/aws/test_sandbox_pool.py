"""The sharing of sandboxes between functions, with sandboxes that have no process."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from local.aws.sandbox_pool import MAX_SANDBOXES, LambdaServiceClosed, SandboxCapacity, SandboxPool
from local.aws.template import FunctionSpec
from tests.fixtures.waits import WAIT_S, wait_until


@dataclass(eq=False)
class FakeSandbox:
    """A sandbox without a process."""

    is_usable: bool = True
    pid: int = 0

    def end(self) -> None:
        self.is_usable = False


@dataclass
class SandboxFunctions:
    """Functions that share a capacity of sandboxes."""

    size: int
    names: str = "ABC"
    max_count: int = 0
    pools: dict[str, SandboxPool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.capacity = SandboxCapacity(self.size)
        for name in self.names:
            spec = FunctionSpec(name, "h", has_waiting_callers=name != "C")
            self.pools[name] = SandboxPool(spec, FakeSandbox, capacity=self.capacity, stagger_s=0)  # type: ignore[arg-type]  # has everything that a pool uses

    def call(self, name: str, seconds: float = 0.0) -> None:
        with self.pools[name].sandbox():
            with self.capacity.changed:
                self.max_count = max(self.max_count, self.count())
            time.sleep(seconds)

    def count(self) -> int:
        return sum(len(pool.all()) for pool in self.pools.values())


def test_functions_share_the_capacity_and_every_call_is_answered() -> None:
    functions = SandboxFunctions(size=4, names="ABCD")
    calls = list("ABCD" * 25)

    with ThreadPoolExecutor(len(calls)) as callers:
        list(callers.map(lambda name: functions.call(name, 0.002), calls))

    assert 1 <= functions.max_count <= 4


def test_a_function_without_a_sandbox_takes_the_next_one_that_a_busy_function_returns() -> None:
    functions = SandboxFunctions(size=4)
    done: list[str] = []
    stopped = threading.Event()

    def keep_busy() -> None:
        while not stopped.is_set():
            functions.call("A", 0.005)

    busy = [threading.Thread(target=keep_busy) for _ in range(12)]
    for thread in busy:
        thread.start()
    for name in "BC":
        functions.call(name)
        done.append(name)
    stopped.set()
    for thread in busy:
        thread.join()

    assert done == ["B", "C"]
    assert functions.max_count <= 4


def test_an_unused_sandbox_is_ended_for_a_function_that_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.aws.sandbox_pool._MIN_UNUSED_S", 0.0)  # instead of five seconds
    functions = SandboxFunctions(size=3)
    for name in "AB":
        with functions.pools[name].sandbox(), functions.pools[name].sandbox():
            pass

    functions.call("C")

    assert len(functions.pools["C"].all()) == 1
    assert functions.count() <= 3


def test_a_function_has_no_more_sandboxes_than_its_limit() -> None:
    functions = SandboxFunctions(size=2 * MAX_SANDBOXES)

    with ThreadPoolExecutor(30) as callers:
        list(callers.map(lambda _: functions.call("A", 0.01), range(30)))

    assert functions.max_count == MAX_SANDBOXES


def test_an_idle_sandbox_is_kept_only_if_callers_wait_for_the_function() -> None:
    functions = SandboxFunctions(size=6)
    for name in "AC":
        with functions.pools[name].sandbox(), functions.pools[name].sandbox():
            pass

    for pool in functions.pools.values():
        pool.end_idle(0.0)

    assert {name: len(pool.all()) for name, pool in functions.pools.items()} == {"A": 1, "B": 0, "C": 0}


def test_closing_refuses_waiting_calls() -> None:
    functions, may_end = SandboxFunctions(size=3, names="A"), threading.Event()
    pool = functions.pools["A"]

    def hold() -> None:
        with pool.sandbox():
            may_end.wait(WAIT_S)

    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(hold) for _ in range(4)]
        wait_until(lambda: len(pool.all()) == 3 and pool.has_waiting_calls)
        with functions.capacity.changed:
            functions.capacity.close()
        may_end.set()

        failures = [call.exception() for call in calls]

    assert sum(isinstance(failure, LambdaServiceClosed) for failure in failures) == 1
