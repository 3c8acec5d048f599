"""Late work of a superseded attempt, which has no visible effect."""

import json
import time
from contextlib import suppress
from typing import Any

import boto3
import psutil
import pytest

from tests.behaviour.posts import api_data_of, publish
from tests.behaviour.recovery.cases import COMPLETED, PARTIAL, end_of, result_without_faults, retry, separate_user
from tests.behaviour.recovery.schedules import check_books
from tests.behaviour.recovery.troubled_system import Fault, TroubledSystem
from tests.behaviour.system import wait_for_end
from tests.fixtures.waits import wait_until

pytestmark = pytest.mark.proof

_FILES = "/storage/v1/object/whyviral-media/x/"
_SLOW_S = 15
"""Shorter than the 20 s between heartbeats: the worker reports before a heartbeat tells it that it is superseded."""


def tokens_of_workers(troubled: TroubledSystem) -> list[str]:
    """Return the task tokens of the running workers."""
    tokens = []
    for process in troubled.system.processes():
        with suppress(psutil.Error):  # the process has ended
            if "functions.transcribe.worker" in process.cmdline():
                tokens.append(process.environ()["TASK_TOKEN"])
    return tokens


def is_being_read(troubled: TroubledSystem) -> bool:
    """Whether a worker has requested its file from storage."""
    calls = troubled.system.calls("supabase")
    return any(call["method"] == "GET" and call["path"].startswith(_FILES) for call in calls)


def steps_of(request: dict[str, Any]) -> list[str]:
    return [step["stage"] for step in request["status_history"]]


def without_calls(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request without the count of its calls, which a late worker's reads from storage raise."""
    return {name: value for name, value in request.items() if name not in ("total_api_calls", "updated_at")}


def test_a_late_result_of_a_superseded_worker_changes_only_the_count_of_calls(troubled: TroubledSystem) -> None:
    expected = result_without_faults(troubled, "x-video")
    troubled.cancel_faults()
    twin = publish(troubled.system, "x-video")
    slow = Fault("supabase", _FILES, "slow", {"method": "GET", "delay_s": _SLOW_S}, says_which=False)
    slow.order(troubled, twin.id)

    with separate_user(troubled) as api:
        accepted = api.post("/api/analysis/analyze/", json={"post_urls": [twin.url]}).raise_for_status().json()
        wait_until(lambda: is_being_read(troubled))
        [token] = tokens_of_workers(troubled)
        # The same call as for a stopped worker; moto does not enforce heartbeats that a test could miss.
        boto3.client("stepfunctions").send_task_failure(taskToken=token, error="WorkerDied")
        given_up = wait_for_end(api, accepted["requests"][0]["id"])
        zombies = tokens_of_workers(troubled)
        tried_again = retry(api, given_up)
        wait_until(lambda: not tokens_of_workers(troubled))
        afterwards = wait_for_end(api, given_up["id"])
        data = api_data_of(api, twin, afterwards)

    assert (end_of(given_up), zombies) == (PARTIAL, [token])
    assert end_of(tried_again) == COMPLETED
    assert without_calls(afterwards) == without_calls(tried_again)
    check_books(troubled, [given_up["id"]])
    assert data == expected
    began_again = steps_of(afterwards).index("retrying")
    assert steps_of(afterwards)[:began_again] == steps_of(given_up)


def test_a_late_answer_of_the_model_to_a_superseded_attempt_changes_nothing(troubled: TroubledSystem) -> None:
    expected = result_without_faults(troubled, "x")
    twin = publish(troubled.system, "x")
    Fault("gemini", "/v1/models/", "slow", {"delay_s": _SLOW_S}).order(troubled, twin.id)

    with separate_user(troubled) as api:
        accepted = api.post("/api/analysis/analyze/", json={"post_urls": [twin.url]}).raise_for_status().json()
        request_id = accepted["requests"][0]["id"]
        wait_until(lambda: any(twin.id in call["about"] for call in troubled.system.calls("gemini")))
        _abort_executions(troubled, request_id)
        given_up = wait_for_end(api, request_id)
        tried_again = retry(api, given_up)
        wait_until(
            lambda: (
                [twin.id in call["about"] and call["status"] for call in troubled.system.calls("gemini")].count(200)
                == 2
            )
        )
        time.sleep(1)  # the late answer arrives and is discarded
        afterwards = wait_for_end(api, request_id)
        data = api_data_of(api, twin, afterwards)

    assert end_of(given_up) == "FAILED analysing internal"
    assert end_of(tried_again) == COMPLETED
    assert afterwards == tried_again
    assert data == expected


def _abort_executions(troubled: TroubledSystem, request_id: str) -> None:
    """Abort the executions of a request, as an operator can, and invoke FailRequest."""
    client = boto3.client("stepfunctions")
    machine = troubled.system.stack.workflow.state_machine_arn
    running = client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    for execution in running:
        client.stop_execution(executionArn=execution["executionArn"])
    event = {"request_id": request_id, "attempt": 1, "stage": "analysing", "error": "ExecutionLost"}
    troubled.system.stack.lambdas.invoke("FailFunction", json.dumps(event).encode())
