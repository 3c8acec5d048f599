"""What EventBridge tells ends what waited, once, and nothing else."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from local.aws.failure_events import CLUSTER_ARN, task_event
from tests.fakes.task_reporter import FakeTaskReporter
from tests.fixtures.pipeline import Pipeline, check_history
from whyviral.analysis.failure_events import WORKER_DIED, WORKER_NOT_STARTED, Answer, FailureEvent, FailureEventHandler
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
    """`Tasks` that knows what a test put there."""

    overrides: TaskOverrides | None = None
    asked: list[str] = field(default_factory=list)

    def find_overrides(self, task_arn: str) -> TaskOverrides | None:
        self.asked.append(task_arn)
        return self.overrides


class HandledEvents:
    """An failure_event_handler over the pipeline's database, and whom it talks to."""

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

    def tell(self, event: dict[str, Any]) -> Answer:
        return self._failure_event_handler.handle(FailureEvent.model_validate({"event": event}))

    def _report_to(self, token: str) -> FakeTaskReporter:
        self.tokens.append(token)
        return self.reporter


@pytest.fixture
def told(pipeline: Pipeline) -> HandledEvents:
    return HandledEvents(pipeline)


def ended(job: RequestJob, status: str = "TIMED_OUT", **detail: Any) -> dict[str, Any]:
    """The event about the execution of an attempt."""
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


def stopped(exit_code: int | None, *, token: str | None = TOKEN, **detail: Any) -> dict[str, Any]:
    """The event about a worker."""
    variables = {"REQUEST_ID": str(uuid.uuid4())} | ({"TASK_TOKEN": token} if token else {})
    event = task_event(TASK, DEFINITION, "transcribe", variables, exit_code)
    event["detail"] |= detail
    return event


@pytest.mark.parametrize(
    ("status", "error", "category"),
    [
        ("FAILED", "ExecutionFailed", "internal"),
        ("TIMED_OUT", "States.Timeout", "timeout"),
        ("ABORTED", "ExecutionAborted", "internal"),
    ],
)
def test_the_request_of_an_execution_that_died_has_its_end(
    pipeline: Pipeline, told: HandledEvents, status: str, error: str, category: str
) -> None:
    job, _ = pipeline.fetched("20")

    assert told.tell(ended(job, status)) is Answer.ENDED

    request = pipeline.read(job)
    assert (request.status, request.error_stage, request.error_category) == (
        RequestStatus.FAILED,
        Stage.COLLECTING_MEDIA,
        category,
    )
    assert (request.error_details or {})["error"] == error
    assert (check_history(request)[-1], pipeline.reserved(job)) == (Stage.ERROR, ["returned"])


def test_a_request_that_has_its_end_keeps_it(pipeline: Pipeline, told: HandledEvents) -> None:
    failed, _ = pipeline.fetched("20")
    pipeline.fail(failed, stage=Stage.ANALYSING, error="Runtime.ExitError")
    completed, (post,) = pipeline.collected("21")
    pipeline.explain(completed, post)
    pipeline.finish(completed)
    before = [pipeline.everything(job) for job in (failed, completed)]

    answers = [told.tell(ended(job, "FAILED")) for job in (failed, completed)]

    assert answers == [Answer.ENDED_BEFORE] * 2
    assert [pipeline.everything(job) for job in (failed, completed)] == before


def test_a_late_event_changes_nothing_after_another_attempt_has_begun(pipeline: Pipeline, told: HandledEvents) -> None:
    job, _ = pipeline.fetched("20")
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert told.tell(ended(job, "ABORTED")) is Answer.ENDED_BEFORE
    assert pipeline.everything(job) == before


def test_an_event_that_comes_twice_ends_a_request_once(pipeline: Pipeline, told: HandledEvents) -> None:
    job, _ = pipeline.fetched("20")
    told.tell(ended(job))
    before = pipeline.everything(job)

    assert told.tell(ended(job)) is Answer.ENDED_BEFORE
    assert pipeline.everything(job) == before


def test_an_event_about_somebody_elses_execution_changes_nothing(pipeline: Pipeline, told: HandledEvents) -> None:
    job, _ = pipeline.fetched("20")
    before = pipeline.everything(job)
    name = f"{job.request_id}-1"
    strangers = [
        {"stateMachineArn": MACHINE + "-other"},
        *({"name": other} for other in ("by-hand", f"{name}\n", f"x{name}", f"{job.request_id}-0", f"{name}-1", "")),
    ]

    assert {told.tell(ended(job, **stranger)) for stranger in strangers} == {Answer.NOT_OURS}
    assert pipeline.everything(job) == before


def test_a_request_that_is_not_there_is_no_reason_to_fail(told: HandledEvents) -> None:
    nobody = RequestJob(request_id=uuid.uuid4(), attempt=1)

    assert told.tell(ended(nobody)) is Answer.ENDED_BEFORE


@pytest.mark.parametrize(("exit_code", "error"), [(1, WORKER_DIED), (137, WORKER_DIED), (None, WORKER_NOT_STARTED)])
def test_a_state_does_not_wait_for_a_worker_that_has_died(
    told: HandledEvents, exit_code: int | None, error: str
) -> None:
    assert told.tell(stopped(exit_code)) is Answer.ENDED

    assert (told.tokens, told.reporter.ends, told.tasks.asked) == ([TOKEN], [error], [])


def test_an_image_that_cannot_be_pulled_leaves_no_container_and_is_a_worker_that_never_started(
    told: HandledEvents,
) -> None:
    event = stopped(None, containers=[], stopCode="TaskFailedToStart", stoppedReason="CannotPullContainerError: …")

    assert told.tell(event) is Answer.ENDED
    assert told.reporter.ends == [WORKER_NOT_STARTED]


@pytest.mark.parametrize(
    "event",
    [
        stopped(1, token=None),
        stopped(1, overrides={}),
        stopped(1, overrides={"containerOverrides": [{"name": "transcribe"}]}),
    ],
)
def test_ecs_is_asked_for_the_token_where_the_event_has_none(told: HandledEvents, event: dict[str, Any]) -> None:
    told.tasks.overrides = TaskOverrides.model_validate(stopped(1)["detail"]["overrides"])

    assert told.tell(event) is Answer.ENDED
    assert (told.tasks.asked, told.tokens) == ([TASK], [TOKEN])


def test_a_worker_that_nobody_gave_a_token_is_nobodys(told: HandledEvents) -> None:
    assert told.tell(stopped(1, token=None)) is Answer.NOT_OURS
    assert told.tokens == []


def test_a_worker_that_left_in_peace_has_told_its_end_itself(told: HandledEvents) -> None:
    assert told.tell(stopped(0)) is Answer.ENDED_BEFORE
    assert told.tokens == []


def test_a_state_that_has_its_end_already_is_no_failure(told: HandledEvents) -> None:
    told.reporter.is_gone = True

    assert told.tell(stopped(1)) is Answer.ENDED_BEFORE


def test_an_event_comes_again_when_step_functions_cannot_be_reached(told: HandledEvents) -> None:
    told.reporter.is_down = True

    with pytest.raises(ProviderError):
        told.tell(stopped(1))


def test_a_worker_of_another_cluster_is_left_alone(told: HandledEvents) -> None:
    assert told.tell(stopped(1, clusterArn=CLUSTER_ARN + "-other")) is Answer.NOT_OURS


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail-type": "Scheduled Event", "detail": {}},
        ended(RequestJob(request_id=uuid.uuid4(), attempt=1), "RUNNING"),
        stopped(1, lastStatus="RUNNING"),
        stopped(1, overrides={"containerOverrides": [{"environment": [{"name": 1, "value": TOKEN}]}]}),
    ],
)
def test_what_is_no_such_event_is_refused_without_quoting_it(told: HandledEvents, event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        told.tell(event)

    assert TOKEN not in str(caught.value)


def test_the_token_is_not_logged(told: HandledEvents, caplog: pytest.LogCaptureFixture) -> None:
    told.tell(stopped(137))

    (record,) = caplog.records
    assert record.message == "a worker died"
    assert TOKEN not in str(vars(record))
