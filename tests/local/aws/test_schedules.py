import json
import threading
import time
from datetime import datetime

import pytest

from local.aws.sandbox import Invocation
from local.aws.sandbox_pool import LambdaServiceClosed
from local.aws.schedules import scheduled
from local.aws.template import FunctionSpec, Schedule
from tests.fixtures.waits import WAIT_S

INPUT = '{"scheduled_at": "<aws.scheduler.scheduled-time>"}'


def job(name: str, expression: str) -> FunctionSpec:
    return FunctionSpec(name, "tests.local.handlers.plain.echo", schedules=(Schedule(expression, INPUT),))


def test_a_function_is_called_at_its_rate_with_the_scheduled_time_until_the_system_stops() -> None:
    calls: list[tuple[str, bytes]] = []
    called_twice = threading.Event()

    def invoke(name: str, payload: bytes) -> Invocation:
        calls.append((name, payload))
        if len(calls) == 2:
            called_twice.set()
        return Invocation(b"null", "Unhandled")  # a failed call must not stop the schedule

    functions = [job("Rate", "rate(2 minutes)"), job("Nightly", "cron(17 9 * * ? *)"), FunctionSpec("Other", "h")]
    with scheduled(functions, invoke, every_s=0.01):
        assert called_twice.wait(WAIT_S)
    time.sleep(0.05)
    seen = len(calls)
    time.sleep(0.1)

    moments = [datetime.fromisoformat(json.loads(payload)["scheduled_at"]) for _, payload in calls]
    assert {name for name, _ in calls} == {"Rate"}
    assert moments == sorted(set(moments))
    assert len(calls) == seen


@pytest.mark.parametrize(("expression", "seconds"), [("rate(2 minutes)", 120), ("rate(1 hour)", 3600)])
def test_the_interval_follows_from_the_rate_in_the_template(expression: str, seconds: float) -> None:
    waited: list[str] = []

    def invoke(name: str, payload: bytes) -> Invocation:
        waited.append(name)
        return Invocation(b"null")

    with scheduled([job("Rate", expression)], invoke):
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "schedule-Rate"]
        arguments = thread._args  # type: ignore[attr-defined]  # the arguments of the thread's target

    thread.join(timeout=WAIT_S)
    assert (arguments[2], waited, thread.is_alive()) == (seconds, [], False)


def test_a_schedule_stops_when_its_service_is_closed() -> None:
    def invoke(name: str, payload: bytes) -> Invocation:
        raise LambdaServiceClosed(name)

    with scheduled([job("Closed", "rate(1 minute)")], invoke, every_s=0.01):
        threads = [thread for thread in threading.enumerate() if thread.name == "schedule-Closed"]
        for thread in threads:
            thread.join(timeout=WAIT_S)

    assert [thread.is_alive() for thread in threads] == [False]
