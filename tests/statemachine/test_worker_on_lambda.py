"""Runs the deployed state machine with the compute lambda-cpu: which media the function gets, and how its work ends."""

import json

import pytest
from pydantic import AwareDatetime, TypeAdapter

from local.aws.template import read_template
from tests.statemachine.conftest import ROOT, Died, Execution, Machine, Silent, without_long_pauses

TWO = ["post-1", "post-2"]
ON_LAMBDA = ["ChooseWorker", "ProcessShortMedia", "CheckProcessedMedia", "AnalysePosts"]
ON_FARGATE = ["ChooseWorker", "ProcessMedia", "CheckProcessedMedia", "AnalysePosts"]


@pytest.fixture(scope="module")
def on_lambda() -> str:
    template = read_template(ROOT / "template.yaml")
    definition = template.local_definition(baseline_mode="off", transcribe_compute="lambda-cpu")
    return without_long_pauses(definition)


def way(execution: Execution) -> list[str]:
    own = {*ON_LAMBDA, *ON_FARGATE, "NoteUnwatchedMedia", "Superseded"}
    return [name for name in execution.states if name in own]


@pytest.mark.parametrize(
    ("video_s", "expected"),
    [
        ({"post-1": 30}, ON_LAMBDA),
        ({"post-1": 600}, ON_LAMBDA),
        ({"post-1": 601}, ON_FARGATE),
        ({}, ON_FARGATE),
    ],
    ids=["short", "ten minutes", "a second more", "unknown"],
)
def test_only_media_that_are_known_to_be_short_are_processed_by_the_function(
    machine: Machine, on_lambda: str, video_s: dict[str, int], expected: list[str]
) -> None:
    execution = machine.run(posts=TWO, videos=["post-1"], video_s=video_s, definition=on_lambda)

    assert way(execution) == expected
    assert execution.status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("video_s", "expected"),
    [
        ({"post-1": 300, "post-2": 300}, ON_LAMBDA),
        ({"post-1": 300, "post-2": 301}, ON_FARGATE),
        ({"post-1": 30}, ON_FARGATE),
    ],
    ids=["ten minutes", "a second more", "one unknown"],
)
def test_the_media_of_all_posts_count_together(
    machine: Machine, on_lambda: str, video_s: dict[str, int], expected: list[str]
) -> None:
    assert way(machine.run(posts=TWO, videos=TWO, video_s=video_s, definition=on_lambda)) == expected


def test_other_computes_never_invoke_the_function(machine: Machine) -> None:
    execution = machine.run(videos=["post-1"], video_s={"post-1": 30})

    assert [name for name in way(execution) if name != "ChooseWorker"] == ON_FARGATE[1:]


def test_the_function_gets_only_the_attempt_and_its_token(machine: Machine, on_lambda: str) -> None:
    execution = machine.run(videos=["post-1"], video_s={"post-1": 30}, definition=on_lambda)

    (job,) = execution.script.events("LambdaWorker")
    assert TypeAdapter(AwareDatetime).validate_python(job.pop("queued_at"))
    assert job == {"request_id": execution.request_id, "attempt": 1, "trace_id": "call-1"}


def test_a_function_that_was_killed_fails_its_state_at_once_and_the_post_is_analysed(
    machine: Machine, on_lambda: str
) -> None:
    execution = machine.run(
        {"LambdaWorker": [Died("Sandbox.Timedout")]}, videos=["post-1"], video_s={"post-1": 30}, definition=on_lambda
    )

    assert execution.failures == [(None, "transcribing", "WorkerDied")]
    assert way(execution) == [*ON_LAMBDA[:2], "NoteUnwatchedMedia", *ON_LAMBDA[2:]]
    assert len(execution.script.events("LambdaWorker")) == 1


def test_a_function_without_a_sign_of_life_times_out_and_is_not_invoked_again(machine: Machine, on_lambda: str) -> None:
    hasty = json.loads(on_lambda)
    hasty["States"]["ProcessShortMedia"] |= {"HeartbeatSeconds": 1, "TimeoutSeconds": 30}

    execution = machine.run(
        {"LambdaWorker": [Silent()]}, videos=["post-1"], video_s={"post-1": 30}, definition=json.dumps(hasty)
    )

    # AWS reports States.HeartbeatTimeout; moto has one name for both time-outs.
    assert execution.failures == [(None, "transcribing", "States.Timeout")]
    assert len(execution.script.events("LambdaWorker")) == 1


def test_a_superseded_attempt_ends_without_an_error(machine: Machine, on_lambda: str) -> None:
    execution = machine.run(
        {"LambdaWorker": [{"outcome": "superseded"}]},
        videos=["post-1"],
        video_s={"post-1": 30},
        definition=on_lambda,
    )

    assert (execution.states[-1], execution.status) == ("Superseded", "SUCCEEDED")
