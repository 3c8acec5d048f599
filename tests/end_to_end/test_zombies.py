"""What an older attempt still does when a newer one has begun: nothing that anybody notices."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import psutil
import pytest

from tests.end_to_end.cases import COMPLETED, PARTIAL, end_of, retry, somebody, undisturbed, wait_for
from tests.end_to_end.posts import publish, told_of
from tests.end_to_end.troubles import Fault, World

pytestmark = [pytest.mark.proof, pytest.mark.alone, pytest.mark.timeout(300)]

_HEARTBEAT_S = 12
_LONGER_S = _HEARTBEAT_S + 2
"""A worker beats every 20 s: this one comes back before it learns from a beat that it was given up."""
_PATIENCE_S = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(heartbeat_s=_HEARTBEAT_S).running(tmp_path_factory.mktemp("stack")) as world:
        yield world


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers(world: World) -> int:
    return sum(is_worker(process) for process in world.system.processes())


def is_worker(process: psutil.Process) -> bool:
    try:
        return "functions.transcribe.worker" in process.cmdline()
    except psutil.Error:
        return False  # it has ended meanwhile


def steps_of(request: dict[str, Any]) -> list[str]:
    return [step["stage"] for step in request["status_history"]]


def test_a_worker_that_was_given_up_changes_nothing_once_it_comes_back(world: World) -> None:
    expected = undisturbed(world, "x-video")
    twin = publish(world.system, "x-video")
    files = "/storage/v1/object/whyviral-media/x/"
    slow = Fault("supabase", files, "slow", {"method": "GET", "delay_s": _LONGER_S}, says_which=False)
    slow.order(world, twin.id)

    with somebody(world) as api:
        accepted = api.post("/api/analysis/analyze/", json={"post_urls": [twin.url]}).raise_for_status().json()
        given_up = wait_for(api, accepted["requests"][0]["id"])
        zombies = workers(world)
        tried_again = retry(api, given_up)
        until(lambda: not workers(world))
        afterwards = wait_for(api, given_up["id"])
        told = told_of(api, twin, afterwards)

    assert (end_of(given_up), zombies) == (PARTIAL, 1)
    assert end_of(tried_again) == COMPLETED
    assert afterwards == tried_again
    assert told == expected
    began_again = steps_of(afterwards).index("retrying")
    assert steps_of(afterwards)[:began_again] == steps_of(given_up)


def test_a_model_that_answers_an_attempt_that_was_given_up_changes_nothing(world: World) -> None:
    expected = undisturbed(world, "x")
    twin = publish(world.system, "x")
    Fault("gemini", "/v1/models/", "slow", {"delay_s": _LONGER_S}).order(world, twin.id)

    with somebody(world) as api:
        accepted = api.post("/api/analysis/analyze/", json={"post_urls": [twin.url]}).raise_for_status().json()
        request_id = accepted["requests"][0]["id"]
        until(lambda: any(twin.id in call["about"] for call in world.system.calls("gemini")))
        _abort_executions(world, request_id)
        given_up = wait_for(api, request_id)
        tried_again = retry(api, given_up)
        until(
            lambda: (
                [twin.id in call["about"] and call["status"] for call in world.system.calls("gemini")].count(200) == 2
            )
        )
        time.sleep(1)  # the late answer has arrived, and is thrown away
        afterwards = wait_for(api, request_id)
        told = told_of(api, twin, afterwards)

    assert end_of(given_up) == "FAILED analysing internal"
    assert end_of(tried_again) == COMPLETED
    assert afterwards == tried_again
    assert told == expected


def _abort_executions(world: World, request_id: str) -> None:
    """Abort what works on a request, as an operator may, and say so to FailRequest."""
    client = boto3.client("stepfunctions")
    machine = world.system.stack.workflow.state_machine_arn
    running = client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    for execution in running:
        client.stop_execution(executionArn=execution["executionArn"])
    event = {"request_id": request_id, "attempt": 1, "stage": "analysing", "error": "ExecutionLost"}
    world.system.stack.lambdas.invoke("FailFunction", json.dumps(event).encode())
