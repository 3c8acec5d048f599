import json
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.aws.failure_events import FUNCTION, publisher
from local.aws.sandbox import Invocation
from local.aws.sandbox_pool import LambdaServiceClosed
from local.aws.tasks import TaskService
from local.aws.template import TaskSpec
from local.aws.workflow import Workflow
from tests.fixtures.waits import WAIT_S
from whyviral.analysis.failure_events import ExecutionEnded, FailureEvent, TaskStopped


class PublishedEvents:
    """Records events and waits for them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._came = threading.Condition()

    def __call__(self, event: dict[str, Any]) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def wait_for(self, count: int) -> list[FailureEvent]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.events) >= count, timeout=WAIT_S)
        return [FailureEvent.model_validate({"event": json.loads(json.dumps(event))}) for event in self.events]


def unused(name: str, payload: bytes) -> Invocation:
    raise AssertionError((name, payload))


def machine(**states: Any) -> str:
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "Choose", "TimeoutSeconds": 1, "States": states})


DEFINITION = machine(
    Choose={
        "Type": "Choice",
        "Choices": [
            {"Condition": "{% $states.input.end = 'fail' %}", "Next": "Fail"},
            {"Condition": "{% $states.input.end = 'succeed' %}", "Next": "Succeed"},
        ],
        "Default": "Wait",
    },
    Fail={"Type": "Fail", "Error": "AnalysisFailed"},
    Succeed={"Type": "Succeed"},
    Wait={"Type": "Wait", "Seconds": 60, "End": True},
)


def test_failed_executions_are_reported_and_successful_or_closed_ones_are_not() -> None:
    published = PublishedEvents()
    with Workflow("Machine", DEFINITION, unused, publish=published) as workflow:
        client = boto3.client("stepfunctions", endpoint_url=workflow.endpoint_url)
        arns = {
            end: client.start_execution(
                stateMachineArn=workflow.state_machine_arn, name=end, input=json.dumps({"end": end})
            )["executionArn"]
            for end in ("succeed", "fail", "stop")
        }
        client.stop_execution(executionArn=arns["stop"])
        failures = published.wait_for(2)
        client.start_execution(stateMachineArn=workflow.state_machine_arn, name="closing", input='{"end": "wait"}')
        client.close()

    details = {
        failure.event.detail.name: failure.event.detail
        for failure in failures
        if isinstance(failure.event, ExecutionEnded)
    }
    assert {name: detail.status for name, detail in details.items()} == {"fail": "FAILED", "stop": "ABORTED"}
    assert {detail.state_machine_arn for detail in details.values()} == {workflow.state_machine_arn}
    assert len(published.events) == 2


def tasks(published: PublishedEvents, folder: Path, module: str = "tests.local.handlers.task") -> TaskService:
    spec = TaskSpec("Work", "work", module, frozenset({"DO"}))
    return TaskService({"Work": spec}, environment=lambda _: {}, log_folder=folder / "logs", publish=published)


def test_a_failed_worker_is_reported_with_its_token_and_a_successful_one_is_not(tmp_path: Path) -> None:
    published = PublishedEvents()
    with tasks(published, tmp_path) as service:
        peaceful = service.task(service.run("Work", {"work": {"DO": "leave 0"}}))
        arn = service.run("Work", {"work": {"DO": "leave 3", "TASK_TOKEN": "a-token"}})
        (failure,) = published.wait_for(1)
        assert peaceful.wait(WAIT_S)

    assert isinstance(failure.event, TaskStopped)
    detail = failure.event.detail
    assert (detail.task_arn, [container.exit_code for container in detail.containers]) == (arn, [3])
    assert detail.overrides.variables()["TASK_TOKEN"].get_secret_value() == "a-token"
    assert len(published.events) == 1


def test_a_worker_that_cannot_be_started_is_reported_without_an_exit_status(tmp_path: Path) -> None:
    published = PublishedEvents()
    (tmp_path / "logs").write_text("no folder, so that nothing can be started")

    with tasks(published, tmp_path) as service:
        service.run("Work", {"work": {"DO": "leave 0"}})
        (failure,) = published.wait_for(1)

    assert isinstance(failure.event, TaskStopped)
    assert [container.exit_code for container in failure.event.detail.containers] == [None]


def test_workers_that_closing_kills_are_not_reported(tmp_path: Path) -> None:
    published = PublishedEvents()
    with tasks(published, tmp_path) as service:
        service.run("Work", {"work": {"DO": f"sleep {tmp_path / 'pids'}"}})

    assert published.events == []


@pytest.mark.parametrize(("failures", "tries"), [(0, 1), (2, 3), (9, 3)])
def test_an_event_is_delivered_until_it_is_processed_but_at_most_three_times(failures: int, tries: int) -> None:
    calls: list[tuple[str, bytes]] = []

    def invoke(name: str, payload: bytes) -> Invocation:
        calls.append((name, payload))
        return Invocation(b"{}", "Unhandled" if len(calls) <= failures else None)

    publisher(invoke)({"detail": 1})

    assert calls == [(FUNCTION, b'{"detail": 1}')] * tries


def test_no_event_is_delivered_after_the_service_closed() -> None:
    def invoke(name: str, payload: bytes) -> Invocation:
        raise LambdaServiceClosed(name)

    publisher(invoke)({})
