"""Runs the deployed state machine with video and sound, through each outcome of the worker."""

import json
from collections.abc import Sequence

import boto3
import pytest
from pydantic import AwareDatetime, TypeAdapter

from tests.statemachine.conftest import Answer, Died, Execution, Machine, Refused, Silent

TIME = TypeAdapter(AwareDatetime)
VIDEO = ["post-1"]
WATCHED = ["CheckCollectedPosts", "ChooseWorker", "ProcessMedia", "CheckProcessedMedia", "AnalysePosts"]
UNWATCHED = [*WATCHED[:3], "NoteUnwatchedMedia", *WATCHED[3:]]
OWN = ("ChooseWorker", "ProcessMedia", "ProcessMediaWarm", "NoteUnwatchedMedia", "CheckProcessedMedia")


def way(execution: Execution) -> list[str]:
    """Return the states from the collected posts to the state after the media."""
    outer = [name for name in execution.states if name in (*WATCHED, *OWN, "Superseded", "FailRequest")]
    return outer[outer.index("CheckCollectedPosts") :]


def impatient(machine: Machine, *, heartbeat_s: int, timeout_s: int) -> str:
    definition = json.loads(machine.workflow.definition)
    definition["States"]["ProcessMedia"] |= {"HeartbeatSeconds": heartbeat_s, "TimeoutSeconds": timeout_s}
    return json.dumps(definition)


def test_a_video_is_processed_before_its_post_is_analysed(machine: Machine) -> None:
    execution = machine.run(posts=["post-1", "post-2"], videos=["post-2"])

    assert way(execution) == WATCHED
    (job,) = execution.script.events("Worker")
    assert TIME.validate_python(job.pop("QUEUED_AT"))
    assert job == {"REQUEST_ID": execution.request_id, "ATTEMPT": "1", "TRACE_ID": "call-1"}
    assert sorted(event["request_post_id"] for event in execution.script.events("AnalyzeFunction")) == [
        "post-1",
        "post-2",
    ]
    assert execution.status == "SUCCEEDED"


def test_posts_without_video_need_no_worker(machine: Machine) -> None:
    execution = machine.run(posts=["post-1", "post-2"])

    assert way(execution) == ["CheckCollectedPosts", "AnalysePosts"]
    assert execution.script.events("Worker") == []


def test_the_video_of_a_failed_post_is_not_processed(machine: Machine) -> None:
    failed: Answer = {"outcome": "failed", "request_post_id": "post-2", "needs_worker": True}

    execution = machine.run({"Media post-2": [failed]}, posts=["post-1", "post-2"], videos=["post-2"])

    assert way(execution) == ["CheckCollectedPosts", "AnalysePosts"]


def test_an_attempt_superseded_during_media_processing_ends_without_an_error(machine: Machine) -> None:
    execution = machine.run({"Worker": [{"outcome": "superseded"}]}, videos=VIDEO)

    assert execution.states[-2:] == ["CheckProcessedMedia", "Superseded"]
    assert execution.status == "SUCCEEDED"


def test_a_failed_attempt_that_was_superseded_ends_without_an_error(machine: Machine) -> None:
    execution = machine.run({"Worker": [Died()], "Fail": [{"outcome": "superseded"}]}, videos=VIDEO)

    assert execution.states[-3:] == ["NoteUnwatchedMedia", "CheckProcessedMedia", "Superseded"]


@pytest.mark.parametrize(
    ("answers", "error", "cause"),
    [
        ([Died("MediaBroken")], "MediaBroken", ""),
        ([Refused()] * 6, "AmazonECS.Unknown", "said the test"),
    ],
    ids=["fails", "cannot start"],
)
def test_the_post_of_a_failed_worker_is_analysed_without_its_video(
    machine: Machine, answers: Sequence[Answer], error: str, cause: str
) -> None:
    execution = machine.run({"Worker": answers}, posts=["post-1", "post-2"], videos=VIDEO)

    assert way(execution) == UNWATCHED
    assert execution.script.events("FailFunction") == [
        {
            "request_id": execution.request_id,
            "attempt": 1,
            "trace_id": "call-1",
            "stage": "transcribing",
            "error": error,
            "cause": cause,
            "goes_on": True,
        }
    ]
    assert sorted(event["request_post_id"] for event in execution.script.events("AnalyzeFunction")) == [
        "post-1",
        "post-2",
    ]
    assert execution.status == "SUCCEEDED"


def test_an_invalid_result_of_a_worker_does_not_stop_the_request(machine: Machine) -> None:
    execution = machine.run({"Worker": ["done"]}, videos=VIDEO)

    assert way(execution) == WATCHED


def test_a_worker_that_ecs_refused_to_start_is_retried(machine: Machine) -> None:
    execution = machine.run({"Worker": [Refused()]}, videos=VIDEO)

    assert len(execution.script.events("Worker")) == 2
    assert way(execution) == WATCHED


@pytest.mark.parametrize(("beats_s", "timeout_s"), [(0, 30), (1.6, 2)], ids=["no sign of life", "no result"])
def test_a_silent_worker_times_out_and_is_not_started_again(machine: Machine, beats_s: float, timeout_s: int) -> None:
    hasty = impatient(machine, heartbeat_s=1, timeout_s=timeout_s)

    execution = machine.run({"Worker": [Silent(beats_s)]}, videos=VIDEO, definition=hasty)

    # AWS reports States.HeartbeatTimeout for the first; moto has one name for both.
    assert execution.failures == [(None, "transcribing", "States.Timeout")]
    assert len(execution.script.events("Worker")) == 1
    assert way(execution) == UNWATCHED


def test_media_whose_failure_cannot_be_recorded_fail_the_request(machine: Machine) -> None:
    execution = machine.run({"Worker": [Died()], "Fail": [Died("Sandbox.Timedout")]}, videos=VIDEO)

    assert execution.states[-3:] == ["NoteUnwatchedMedia", "FailRequest", "AnalysisFailed"]
    assert execution.failures[-1] == (None, "transcribing", "Sandbox.Timedout")


def test_a_warm_worker_takes_the_job_from_the_queue(machine: Machine) -> None:
    sqs = boto3.client("sqs", endpoint_url=machine.workflow.endpoint_url)
    steps = boto3.client("stepfunctions", endpoint_url=machine.workflow.endpoint_url)
    queue = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    definition = machine.workflow.definition.replace("'task' = 'warm'", "'warm' = 'warm'")
    warm = json.loads(definition)
    warm["States"]["ProcessMediaWarm"]["Arguments"]["QueueUrl"] = queue

    started = machine.start(videos=VIDEO, definition=json.dumps(warm))
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    job = json.loads(message["Body"])
    steps.send_task_heartbeat(taskToken=job["task_token"])
    steps.send_task_success(taskToken=job.pop("task_token"), output=json.dumps({"outcome": "processed"}))
    execution = machine.finish(started)

    assert TIME.validate_python(job.pop("queued_at"))
    assert job == {"request_id": execution.request_id, "attempt": 1, "trace_id": "call-1"}
    assert way(execution) == [*WATCHED[:2], "ProcessMediaWarm", *WATCHED[3:]]
    assert execution.status == "SUCCEEDED"
    sqs.close()
    steps.close()
