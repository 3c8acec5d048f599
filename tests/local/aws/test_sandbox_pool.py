"""How functions share the room for sandboxes, with processes that are none."""

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
class House:
    """Some functions in a room of a size."""

    size: int
    names: str = "ABC"
    most: int = 0
    pools: dict[str, SandboxPool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.capacity = SandboxCapacity(self.size)
        for name in self.names:
            spec = FunctionSpec(name, "h", has_waiting_callers=name != "C")
            self.pools[name] = SandboxPool(spec, FakeSandbox, capacity=self.capacity, stagger_s=0)  # type: ignore[arg-type]  # all that a pool needs

    def call(self, name: str, seconds: float = 0.0) -> None:
        with self.pools[name].sandbox():
            with self.capacity.changed:
                self.most = max(self.most, self.count())
            time.sleep(seconds)

    def count(self) -> int:
        return sum(len(pool.all()) for pool in self.pools.values())


def test_functions_share_the_room_and_every_call_has_its_turn() -> None:
    house = House(size=4, names="ABCD")
    calls = list("ABCD" * 25)

    with ThreadPoolExecutor(len(calls)) as callers:
        list(callers.map(lambda name: house.call(name, 0.002), calls))

    assert 1 <= house.most <= 4


def test_a_function_that_has_none_takes_the_place_of_a_busy_ones_next() -> None:
    house = House(size=4)
    done: list[str] = []
    stopped = threading.Event()

    def keep_busy() -> None:
        while not stopped.is_set():
            house.call("A", 0.005)

    busy = [threading.Thread(target=keep_busy) for _ in range(12)]
    for thread in busy:
        thread.start()
    for name in "BC":
        house.call(name)
        done.append(name)
    stopped.set()
    for thread in busy:
        thread.join()

    assert done == ["B", "C"]
    assert house.most <= 4


def test_what_nobody_uses_makes_room_for_whoever_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.aws.sandbox_pool._MIN_UNUSED_S", 0.0)  # in place of five seconds
    house = House(size=3)
    for name in "AB":
        with house.pools[name].sandbox(), house.pools[name].sandbox():
            pass

    house.call("C")

    assert len(house.pools["C"].all()) == 1
    assert house.count() <= 3


def test_one_function_has_no_more_than_its_cap() -> None:
    house = House(size=2 * MAX_SANDBOXES)

    with ThreadPoolExecutor(30) as callers:
        list(callers.map(lambda _: house.call("A", 0.01), range(30)))

    assert house.most == MAX_SANDBOXES


def test_an_idle_sandbox_stays_only_where_somebody_may_wait_for_the_next_call() -> None:
    house = House(size=6)
    for name in "AC":
        with house.pools[name].sandbox(), house.pools[name].sandbox():
            pass

    for pool in house.pools.values():
        pool.end_idle(0.0)

    assert {name: len(pool.all()) for name, pool in house.pools.items()} == {"A": 1, "B": 0, "C": 0}


def test_closing_refuses_who_waits() -> None:
    house, may_end = House(size=3, names="A"), threading.Event()
    pool = house.pools["A"]

    def hold() -> None:
        with pool.sandbox():
            may_end.wait(WAIT_S)

    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(hold) for _ in range(4)]
        wait_until(lambda: len(pool.all()) == 3 and pool.has_waiting_calls)
        with house.room.changed:
            house.room.close()
        may_end.set()

        failures = [call.exception() for call in calls]

    assert sum(isinstance(failure, LambdaServiceClosed) for failure in failures) == 1
