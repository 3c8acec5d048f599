"""Orphaned work: requests whose process was killed between two systems."""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import psutil
import pytest
from sqlalchemy import Engine, select

from local.stack import recovery
from tests.behaviour.posts import publish
from tests.behaviour.system import System
from tests.fixtures.waits import wait_until
from whyviral.accounts.models import User
from whyviral.analysis.admission import admit, parse_post_urls
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine, session_scope
from whyviral.integrations.aws.step_functions import StepFunctionsWorkflow
from whyviral.jobs.models import JobRun

JACK = "https://x.com/jack/status/20"


@pytest.fixture
def engine(system: System) -> Iterator[Engine]:
    engine = build_engine(system.stack.ready.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def workflow(system: System) -> StepFunctionsWorkflow:
    return StepFunctionsWorkflow(system.stack.workflow.state_machine_arn)


def commit_only(system: System, engine: Engine, workflow: StepFunctionsWorkflow, **columns: Any) -> str:
    """Commit a request as the API does, without starting it; `columns` set its age and progress."""
    email = system.api.get("/api/accounts/me/").raise_for_status().json()["email"]
    with session_scope(engine) as session:
        user_id = session.scalars(select(User.id).where(User.email == email)).one()
        (request,) = admit(
            session, user_id, parse_post_urls([JACK]), execution_arn_of=workflow.execution_arn, now=utc_now()
        )
        for name, value in columns.items():
            setattr(request, name, value)
        return str(request.id)


def sweep(system: System) -> dict[str, int]:
    event = {"scheduled_at": datetime.now(UTC).isoformat()}
    answer = system.stack.lambdas.invoke("SweeperFunction", json.dumps(event).encode())
    assert answer.function_error is None, answer.payload
    results: dict[str, int] = json.loads(answer.payload)["results"]
    return results


def test_a_request_is_started_and_completes_if_the_api_crashed_after_its_commit(
    system: System, engine: Engine, workflow: StepFunctionsWorkflow
) -> None:
    request_id = commit_only(system, engine, workflow, attempt_started_at=datetime.now(UTC) - timedelta(seconds=61))

    results = sweep(system)

    assert results["requests_started"] == 1
    assert system.wait_for(request_id)["status"] == "COMPLETED"
    with session_scope(engine) as session:
        runs = session.scalars(select(JobRun).where(JobRun.job == "sweeper").order_by(JobRun.due_at)).all()
    assert (runs[-1].state, runs[-1].results) == ("SUCCEEDED", results)


def test_a_request_whose_execution_is_aborted_fails_at_once(system: System, workflow: StepFunctionsWorkflow) -> None:
    # A running function cannot be stopped, so the execution ends when FetchPosts has answered.
    slow = system.control.post("/__control/faults", json={"vendor": "twitterapi", "mode": "slow", "delay_s": 2})
    slow.raise_for_status()
    url = system.publish("1820000000000000001")
    accepted = system.api.post("/api/analysis/analyze/", json={"post_urls": [url]}).raise_for_status().json()
    request_id = accepted["requests"][0]["id"]
    wait_until(lambda: system.calls("twitterapi"))

    workflow.stop(uuid.UUID(request_id), 1)
    request = system.wait_for(request_id)

    assert (request["status"], request["error_stage"], request["error_category"]) == (
        "FAILED",
        "collecting_media",
        "internal",
    )
    assert [step["stage"] for step in request["status_history"]][-1] == "error"


def test_a_restart_fails_interrupted_requests_and_starts_those_never_started(
    system: System, engine: Engine, workflow: StepFunctionsWorkflow
) -> None:
    begun = commit_only(system, engine, workflow, status="PROCESSING")
    untouched = commit_only(system, engine, workflow)
    others_arn = "arn:aws:states:eu-central-1:000000000001:execution:production:x"
    others = commit_only(system, engine, workflow, status="PROCESSING", execution_arn=others_arn)
    sqs = boto3.client("sqs")
    queue_url, delivery_queue_url = (
        sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("webhooks", "deliveries")
    )

    recovery.recover(
        system.stack.ready.database_url,
        state_machine_arn=system.stack.workflow.state_machine_arn,
        queue_url=queue_url,
        delivery_queue_url=delivery_queue_url,
        owns_database=False,
    )

    ends = [system.wait_for(request_id) for request_id in (begun, untouched)]
    assert [(end["status"], end["error_category"]) for end in ends] == [("FAILED", "internal"), ("COMPLETED", None)]
    with session_scope(engine) as session:
        assert session.get_one(PostAnalysisRequest, uuid.UUID(others)).status == "PROCESSING"


def _kill_worker(system: System) -> None:
    """Wait for the worker's process and kill it."""

    def killed() -> bool:
        for process in system.processes():
            with suppress(psutil.Error):  # the process has ended
                if "functions.transcribe.worker" in process.cmdline():
                    process.kill()
                    return True
        return False

    wait_until(killed)


def failures_of(workflow: StepFunctionsWorkflow, request_id: str) -> list[str]:
    """Return the names of the errors with which tasks of a request's first attempt failed."""
    client = boto3.client("stepfunctions")
    arn = workflow.execution_arn(uuid.UUID(request_id), 1)
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    return [event["taskFailedEventDetails"]["error"] for event in events if "taskFailedEventDetails" in event]


def test_a_request_whose_worker_is_killed_is_analysed_without_the_transcript(
    system: System, workflow: StepFunctionsWorkflow
) -> None:
    url = publish(system, "x-video").url
    accepted = system.api.post("/api/analysis/analyze/", json={"post_urls": [url]}).raise_for_status().json()

    _kill_worker(system)
    request = system.wait_for(accepted["requests"][0]["id"])

    # The failure was reported at once, without waiting for a missed heartbeat.
    assert "WorkerDied" in failures_of(workflow, request["id"])
    steps = [(step["stage"], step["message"]) for step in request["status_history"]]
    [post] = system.api.get(f"/api/social/posts/analysis/{request['id']}/").json()["results"]
    assert (request["status"], request["error"], request["posts_processed"]) == ("COMPLETED", None, 1)
    assert (
        "transcribing",
        "Not every video could be watched and listened to; what was missed is left out of the explanation.",
    ) in steps
    assert (post["transcript"], post["has_speech"]) == (None, None)
    [video] = [medium for medium in post["media"] if medium["kind"] == "video"]
    assert (video["frames"], video["transcript_source"]) == (None, None)
    assert video["supabase_url"] is not None
