"""Schedules of random faults and kills: every request ends, and its costs add up.

There are a hundred schedules; ten take a minute and a half on two cores.
"""

from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from tests.behaviour.recovery.schedules import check_books, check_ends, draw, play, reaper
from tests.behaviour.recovery.troubled_system import TroubledSystem
from tests.fixtures.proof_scale import seeds
from tests.fixtures.waits import wait_until

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3600)]

SEEDS = seeds(10)
SCHEDULES = 10
"""The number of schedules that run concurrently for each seed."""
_REAPED_EVERY_S = 4.0


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_schedule_of_faults_every_request_ends_and_its_costs_add_up(troubled: TroubledSystem, seed: int) -> None:
    troubled.cancel_faults()
    schedules = [draw(f"{seed}/{number}") for number in range(SCHEDULES)]

    with ThreadPoolExecutor(SCHEDULES) as pool, reaper(troubled, str(seed), every_s=_REAPED_EVERY_S):
        results = list(pool.map(lambda schedule: play(troubled, schedule), schedules))

    ids = [request_id for ids in results for request_id in ids]
    print(f"seed {seed}, again by: make proof ARGS='-k test_in_any_schedule and {seed}'", *schedules, sep="\n")  # noqa: T201 - seen when it fails
    check_ends(troubled.owner, ids)
    check_books(troubled, ids)
    wait_until(lambda: not running_executions(), every_s=0.2)  # executions end shortly after their requests


def running_executions() -> list[str]:
    """Return the executions that are still running."""
    client = boto3.client("stepfunctions")
    [machine] = client.list_state_machines()["stateMachines"]
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING"
    )
    return [execution["name"] for page in pages for execution in page["executions"]]
