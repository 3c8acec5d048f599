"""EventBridge's failure events end the affected requests and pipeline states once, and change nothing else."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from local.aws.failure_events import CLUSTER_ARN, invocation_event, task_event
from tests.fakes.task_reporter import FakeTaskReporter
from tests.fixtures.pipeline import Pipeline, check_history
from whyviral.analysis.failure_events import (
    WORKER_NOT_STARTED,
    WORKER_STOPPED,
    Answer,
    FailureEvent,
    FailureEventHandler,
)
from whyviral.analysis.models import RequestStatus, Stage
from whyviral.analysis.pipeline import RequestJob
from whyviral.core.logging import build_logger
from whyviral.integrations.aws.ecs_tasks import TaskOverrides
from whyviral.integrations.errors import ProviderError

MACHINE = "arn:aws:states:eu-central-1:000000000000:stateMachine:whyviral-analysis"
TASK = "arn:aws:ecs:eu-central-1:000000000000:task/local/0123456789abcdef"
DEFINITION = "arn:aws:ecs:eu-central-1:000000000000:task-definition/whyviral-transcribe:7"
TOKEN = "AQCEAAAAKgAAAAMAAAAA-a-token"


@dataclass(slots=True)
class FakeTasks:
    """A fake of `Tasks` with the overrides that a test sets."""

    overrides: TaskOverrides | None = None
    asked: list[str] = field(default_factory=list)

    def find_overrides(self, task_arn: str) -> TaskOverrides | None:
        self.asked.append(task_arn)
        return self.overrides


class HandledEvents:
    """A `FailureEventHandler` over the pipeline's database, with fakes of ECS and Step Functions."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.tasks = FakeTasks()
        self.reporter = FakeTaskReporter()
        self.tokens: list[str] = []
        self._failure_event_handler = FailureEventHandler(
            pipeline.engine,
            state_machine_arn=MACHINE,
            cluster_arn=CLUSTER_ARN,
            tasks=self.tasks,
            report_to=self._report_to,
            clock=pipeline.clock,
            logger=build_logger("deaths-under-test"),
        )

    def handle(self, event: dict[str, Any]) -> Answer:
        return self._failure_event_handler.handle(FailureEvent.model_validate({"event": event}))

    def _report_to(self, token: str) -> FakeTaskReporter:
        self.tokens.append(token)
        return self.reporter


@pytest.fixture
def events(pipeline: Pipeline) -> HandledEvents:
    return HandledEvents(pipeline)


def ended_event(job: RequestJob, status: str = "TIMED_OUT", **detail: Any) -> dict[str, Any]:
    """Return the event about the ended_event execution of an attempt."""
    own = {"request_id": str(job.request_id), "attempt": job.attempt}
    fields = {
        "executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:{job.request_id}-{job.attempt}",
        "stateMachineArn": MACHINE,
        "name": f"{job.request_id}-{job.attempt}",
        "status": status,
        "input": json.dumps(own),
        "stopDate": 1_795_608_000_000,
        "error": None,
    }
    kind = "Step Functions Execution Status Change"
    return {"version": "0", "detail-type": kind, "source": "aws.states", "detail": fields | detail}


def stopped_event(exit_code: int | None, *, token: str | None = TOKEN, **detail: Any) -> dict[str, Any]:
    """Return the event about a stopped_event worker."""
    variables = {"REQUEST_ID": str(uuid.uuid4())} | ({"TASK_TOKEN": token} if token else {})
    event = task_event(TASK, DEFINITION, "transcribe", variables, exit_code)
    event["detail"] |= detail
    return event


def invocation_failed(condition: str = "RetriesExhausted", **payload: Any) -> dict[str, Any]:
    """Return Lambda's record of a failed invocation of the worker."""
    job = {"task_token": TOKEN, "request_id": str(uuid.uuid4()), "attempt": 1} | payload
    event = invocation_event(
        "arn:aws:lambda:eu-central-1:000000000000:function:whyviral-TranscribeFunction-1",
        json.dumps(job).encode(),
        b'{"errorType": "Sandbox.Timedout"}',
    )
    event["requestContext"]["condition"] = condition
    return event


@pytest.mark.parametrize(
    ("condition", "error"), [("RetriesExhausted", WORKER_STOPPED), ("EventAgeExceeded", WORKER_NOT_STARTED)]
)
def test_a_failed_invocation_of_the_worker_fails_the_state_that_waits_for_it(
    events: HandledEvents, condition: str, error: str
) -> None:
    assert events.handle(invocation_failed(condition)) is Answer.ENDED

    assert (events.tokens, events.reporter.ends) == ([TOKEN], [error])


def test_a_failed_invocation_whose_state_has_ended_changes_nothing(events: HandledEvents) -> None:
    events.reporter.is_gone = True

    assert events.handle(invocation_failed()) is Answer.ENDED_BEFORE


def test_an_invalid_record_of_an_invocation_is_refused_without_showing_its_token() -> None:
    event = invocation_failed()
    del event["requestContext"]["condition"]

    with pytest.raises(ValidationError) as refused:
        FailureEvent.model_validate({"event": event})

    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "error", "category"),
    [
        ("FAILED", "ExecutionFailed", "internal"),
        ("TIMED_OUT", "States.Timeout", "timeout"),
        ("ABORTED", "ExecutionAborted", "internal"),
    ],
)
def test_a_failed_execution_ends_its_request(
    pipeline: Pipeline, events: HandledEvents, status: str, error: str, category: str
) -> None:
    job, _ = pipeline.fetched("20")

    assert events.handle(ended_event(job, status)) is Answer.ENDED

    request = pipeline.read(job)
    assert (request.status, request.error_stage, request.error_category) == (
        RequestStatus.FAILED,
        Stage.COLLECTING_MEDIA,
        category,
    )
    assert (request.error_details or {})["error"] == error
    assert (check_history(request)[-1], pipeline.reserved(job)) == (Stage.ERROR, ["returned"])


def test_a_failure_event_does_not_change_a_finished_request(pipeline: Pipeline, events: HandledEvents) -> None:
    failed, _ = pipeline.fetched("20")
    pipeline.fail(failed, stage=Stage.ANALYSING, error="Runtime.ExitError")
    completed, (post,) = pipeline.collected("21")
    pipeline.explain(completed, post)
    pipeline.finish(completed)
    before = [pipeline.everything(job) for job in (failed, completed)]

    answers = [events.handle(ended_event(job, "FAILED")) for job in (failed, completed)]

    assert answers == [Answer.ENDED_BEFORE] * 2
    assert [pipeline.everything(job) for job in (failed, completed)] == before


def test_a_late_failure_event_does_not_change_a_newer_attempt(pipeline: Pipeline, events: HandledEvents) -> None:
    job, _ = pipeline.fetched("20")
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert events.handle(ended_event(job, "ABORTED")) is Answer.ENDED_BEFORE
    assert pipeline.everything(job) == before


def test_a_repeated_failure_event_ends_a_request_once(pipeline: Pipeline, events: HandledEvents) -> None:
    job, _ = pipeline.fetched("20")
    events.handle(ended_event(job))
    before = pipeline.everything(job)

    assert events.handle(ended_event(job)) is Answer.ENDED_BEFORE
    assert pipeline.everything(job) == before


def test_an_event_about_a_foreign_execution_changes_nothing(pipeline: Pipeline, events: HandledEvents) -> None:
    job, _ = pipeline.fetched("20")
    before = pipeline.everything(job)
    name = f"{job.request_id}-1"
    strangers = [
        {"stateMachineArn": MACHINE + "-other"},
        *({"name": other} for other in ("by-hand", f"{name}\n", f"x{name}", f"{job.request_id}-0", f"{name}-1", "")),
    ]

    assert {events.handle(ended_event(job, **stranger)) for stranger in strangers} == {Answer.NOT_OURS}
    assert pipeline.everything(job) == before


def test_a_failure_event_about_an_unknown_request_causes_no_error(events: HandledEvents) -> None:
    unknown_job = RequestJob(request_id=uuid.uuid4(), attempt=1)

    assert events.handle(ended_event(unknown_job)) is Answer.ENDED_BEFORE


@pytest.mark.parametrize(
    ("exit_code", "error"), [(1, WORKER_STOPPED), (137, WORKER_STOPPED), (None, WORKER_NOT_STARTED)]
)
def test_a_stopped_worker_fails_the_state_that_waits_for_it(
    events: HandledEvents, exit_code: int | None, error: str
) -> None:
    assert events.handle(stopped_event(exit_code)) is Answer.ENDED

    assert (events.tokens, events.reporter.ends, events.tasks.asked) == ([TOKEN], [error], [])


def test_a_task_without_containers_is_a_worker_that_never_started(
    events: HandledEvents,
) -> None:
    event = stopped_event(
        None, containers=[], stopCode="TaskFailedToStart", stoppedReason="CannotPullContainerError: …"
    )

    assert events.handle(event) is Answer.ENDED
    assert events.reporter.ends == [WORKER_NOT_STARTED]


@pytest.mark.parametrize(
    "event",
    [
        stopped_event(1, token=None),
        stopped_event(1, overrides={}),
        stopped_event(1, overrides={"containerOverrides": [{"name": "transcribe"}]}),
    ],
)
def test_the_task_token_is_read_from_ecs_if_the_event_lacks_it(events: HandledEvents, event: dict[str, Any]) -> None:
    events.tasks.overrides = TaskOverrides.model_validate(stopped_event(1)["detail"]["overrides"])

    assert events.handle(event) is Answer.ENDED
    assert (events.tasks.asked, events.tokens) == ([TASK], [TOKEN])


def test_a_worker_without_a_task_token_is_ignored(events: HandledEvents) -> None:
    assert events.handle(stopped_event(1, token=None)) is Answer.NOT_OURS
    assert events.tokens == []


def test_a_worker_with_exit_code_0_is_not_reported_as_failed(events: HandledEvents) -> None:
    assert events.handle(stopped_event(0)) is Answer.ENDED_BEFORE
    assert events.tokens == []


def test_a_state_that_has_ended_already_causes_no_error(events: HandledEvents) -> None:
    events.reporter.is_gone = True

    assert events.handle(stopped_event(1)) is Answer.ENDED_BEFORE


def test_an_unreachable_step_functions_raises_so_that_the_event_is_redelivered(events: HandledEvents) -> None:
    events.reporter.is_down = True

    with pytest.raises(ProviderError):
        events.handle(stopped_event(1))


def test_a_stopped_worker_of_another_cluster_is_ignored(events: HandledEvents) -> None:
    assert events.handle(stopped_event(1, clusterArn=CLUSTER_ARN + "-other")) is Answer.NOT_OURS


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail-type": "Scheduled Event", "detail": {}},
        ended_event(RequestJob(request_id=uuid.uuid4(), attempt=1), "RUNNING"),
        stopped_event(1, lastStatus="RUNNING"),
        stopped_event(1, overrides={"containerOverrides": [{"environment": [{"name": 1, "value": TOKEN}]}]}),
    ],
)
def test_an_unknown_event_is_rejected_without_quoting_it(events: HandledEvents, event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        events.handle(event)

    assert TOKEN not in str(caught.value)


def test_the_task_token_is_not_logged(events: HandledEvents, caplog: pytest.LogCaptureFixture) -> None:
    events.handle(stopped_event(137))

    (record,) = caplog.records
    assert record.message == "a worker died"
    assert TOKEN not in str(vars(record))
