"""Schedules of random faults and deaths: every request ends, and its books are right.

A hundred are played; ten take a minute and a half of two cores.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from tests.end_to_end.schedules import check_books, check_ends, draw, play, reaper
from tests.end_to_end.troubles import World
from tests.fixtures.proof_scale import seeds

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

SEEDS = seeds(10)
SCHEDULES = 10
"""Played side by side for each seed."""
_REAPED_EVERY_S = 4.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World().running(tmp_path_factory.mktemp("stack")) as world:
        yield world


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_schedule_of_faults_every_request_ends_and_its_books_are_right(world: World, seed: int) -> None:
    world.calm()
    schedules = [draw(f"{seed}/{number}") for number in range(SCHEDULES)]

    with ThreadPoolExecutor(SCHEDULES) as pool, reaper(world, str(seed), every_s=_REAPED_EVERY_S):
        played = list(pool.map(lambda schedule: play(world, schedule), schedules))

    ids = [request_id for ids in played for request_id in ids]
    print(f"seed {seed}, again by: make proof ARGS='-k test_in_any_schedule and {seed}'", *schedules, sep="\n")  # noqa: T201 - seen when it fails
    check_ends(world.owner, ids)
    check_books(world, ids)
    assert running_executions() == []


def running_executions() -> list[str]:
    """Return the executions that have no end within a while: requests end a moment before they do."""
    client = boto3.client("stepfunctions")
    [machine] = client.list_state_machines()["stateMachines"]
    deadline = time.monotonic() + 20
    while True:
        pages = client.get_paginator("list_executions").paginate(
            stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING"
        )
        running = [execution["name"] for page in pages for execution in page["executions"]]
        if not running or time.monotonic() > deadline:
            return running
        time.sleep(0.2)
