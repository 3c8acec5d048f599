import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aws_lambda_powertools import Logger

from functions.transcribe.deadline import Deadline, WorkerStopped
from functions.transcribe.job_runner import HIDDEN_S, End, Job, JobRunner
from tests.fakes.task_reporter import FakeTaskReporter
from tests.fixtures.waits import WAIT_S
from tests.functions.transcribe.conftest import unknown_job
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.aws.work_queue import QueuedMessage
from whyviral.integrations.errors import ProviderError

_JOB = unknown_job()


class _Broken(Exception):
    """An arbitrary failure of a job."""


def _runner(process: Callable[[Job, Deadline], str], *, interval_s: float = WAIT_S) -> JobRunner:
    return JobRunner(process, deadline_s=WAIT_S, logger=Logger(service="test", level="CRITICAL"), interval_s=interval_s)


def _processed(_job: Job, _deadline: Deadline) -> str:
    return "processed"


def _until_stopped(_job: Job, deadline: Deadline) -> str:
    while not deadline.is_stopped:
        time.sleep(0.005)
    raise WorkerStopped


def test_the_outcome_of_a_job_is_reported() -> None:
    reporter = FakeTaskReporter()

    assert _runner(_processed).run_once(_JOB, reporter) is End.REPORTED
    assert reporter.ends == [{"outcome": "processed"}]


def test_the_first_heartbeat_is_sent_before_the_work() -> None:
    reporter = FakeTaskReporter()

    def process(_job: Job, _deadline: Deadline) -> str:
        assert reporter.has_beaten.wait(WAIT_S)
        return "processed"

    assert _runner(process).run_once(_JOB, reporter) is End.REPORTED


def test_heartbeats_are_sent_until_the_work_ends() -> None:
    reporter = FakeTaskReporter()

    def process(_job: Job, _deadline: Deadline) -> str:
        while reporter.beats < 4:
            time.sleep(0.005)
        return "processed"

    _runner(process, interval_s=0.01).run_once(_JOB, reporter)

    beats = reporter.beats
    time.sleep(0.05)
    assert reporter.beats == beats


def test_a_failed_heartbeat_does_not_end_the_work() -> None:
    reporter = FakeTaskReporter(is_down=True)

    def process(_job: Job, _deadline: Deadline) -> str:
        while reporter.beats < 3:
            time.sleep(0.005)
        reporter.is_down = False
        return "processed"

    assert _runner(process, interval_s=0.01).run_once(_JOB, reporter) is End.REPORTED
    assert reporter.ends == [{"outcome": "processed"}]


def test_the_work_stops_when_its_task_has_ended() -> None:
    reporter = FakeTaskReporter(is_gone=True)

    assert _runner(_until_stopped).run_once(_JOB, reporter) is End.REPORTED
    assert reporter.ends == []


def test_a_result_for_an_ended_task_is_not_a_failure() -> None:
    reporter = FakeTaskReporter()

    def process(_job: Job, _deadline: Deadline) -> str:
        reporter.is_gone = True
        return "processed"

    assert _runner(process).run_once(_JOB, reporter) is End.REPORTED


def test_a_failure_is_reported_by_its_class_name() -> None:
    reporter = FakeTaskReporter()

    def process(_job: Job, _deadline: Deadline) -> str:
        raise _Broken("a message that must not be reported")

    assert _runner(process).run_once(_JOB, reporter) is End.FAILED
    assert reporter.ends == ["_Broken"]


def test_a_result_that_cannot_be_reported_ends_as_unreported() -> None:
    reporter = FakeTaskReporter(is_down=True)

    assert _runner(_processed).run_once(_JOB, reporter) is End.UNREPORTED


def test_an_unreported_job_stays_in_the_queue_until_it_is_reported() -> None:
    queue, reporter, runner = _Queue(), FakeTaskReporter(is_down=True), _runner(_processed)
    queue.add(_body("one"))

    def come_back() -> None:
        assert queue.deleted == []
        reporter.is_down = False
        queue.when_empty = runner.stop
        queue.add(_body("one"))

    queue.when_empty = come_back

    runner.run_queue(queue, lambda _token: reporter)

    assert reporter.ends == [{"outcome": "processed"}]
    assert queue.deleted == ["receipt 0"]


def test_a_failed_job_of_an_ended_task_is_deleted_from_the_queue() -> None:
    queue, reporter = _Queue(), FakeTaskReporter()

    def process(_job: Job, _deadline: Deadline) -> str:
        reporter.is_gone = True
        raise _Broken

    runner = _runner(process)
    queue.when_empty = runner.stop
    queue.add(_body("one"))

    runner.run_queue(queue, lambda _token: reporter)

    assert queue.deleted == ["receipt 0"]


def test_a_stopped_single_job_is_reported_as_failed() -> None:
    reporter = FakeTaskReporter()
    runner: JobRunner

    def process(job: Job, deadline: Deadline) -> str:
        runner.stop()
        return _until_stopped(job, deadline)

    runner = _runner(process)

    assert runner.run_once(_JOB, reporter) is End.FAILED
    assert reporter.ends == ["WorkerStopped"]


def test_a_job_stopped_before_its_start_does_not_start() -> None:
    reporter = FakeTaskReporter()
    runner = _runner(_until_stopped)
    runner.stop()

    assert runner.run_once(_JOB, reporter) is End.FAILED
    assert reporter.ends == ["WorkerStopped"]


@dataclass(slots=True)
class _Queue:
    """A `WorkQueue` that calls `when_empty` instead of waiting."""

    when_empty: Callable[[], object] = lambda: None
    messages: deque[QueuedMessage] = field(default_factory=deque)
    hidden: list[tuple[str, int]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    is_down: bool = False

    def add(self, body: str) -> None:
        self.messages.append(QueuedMessage(body, f"receipt {len(self.messages)}"))

    def receive(self, *, hidden_s: int) -> QueuedMessage | None:
        assert hidden_s == HIDDEN_S
        if self.is_down:
            self.is_down = False
            raise ProviderError("down", provider="sqs", category=ErrorCategory.PROVIDER_ERROR, is_transient=True)
        if not self.messages:
            self.when_empty()
            return None
        return self.messages.popleft()

    def hide(self, message: QueuedMessage, *, hidden_s: int) -> None:
        self.hidden.append((message.receipt, hidden_s))

    def delete(self, message: QueuedMessage) -> None:
        self.deleted.append(message.receipt)


def _body(token: str) -> str:
    return json.dumps({"task_token": token, "request_id": str(_JOB.request_id), "attempt": 1, "post": "ignored"})


def _run_queue(process: Callable[[Job, Deadline], str], *bodies: str) -> tuple[_Queue, dict[str, FakeTaskReporter]]:
    queue, reporters, runner = _Queue(), dict[str, FakeTaskReporter](), _runner(process)
    queue.when_empty = runner.stop
    for body in bodies:
        queue.add(body)
    runner.run_queue(queue, lambda token: reporters.setdefault(token, FakeTaskReporter()))
    return queue, reporters


def test_queued_jobs_run_one_after_the_other_and_are_deleted() -> None:
    jobs: list[Job] = []

    def process(job: Job, _deadline: Deadline) -> str:
        jobs.append(job)
        return "processed"

    queue, reporters = _run_queue(process, _body("one"), _body("two"))

    assert {token: reporter.ends for token, reporter in reporters.items()} == {
        "one": [{"outcome": "processed"}],
        "two": [{"outcome": "processed"}],
    }
    assert [(job.request_id, job.attempt) for job in jobs] == [(_JOB.request_id, 1)] * 2
    assert queue.deleted == ["receipt 0", "receipt 1"]
    assert set(queue.hidden) == {("receipt 0", HIDDEN_S), ("receipt 1", HIDDEN_S)}


def test_a_failed_job_is_deleted_from_the_queue() -> None:
    def process(_job: Job, _deadline: Deadline) -> str:
        raise _Broken

    queue, reporters = _run_queue(process, _body("one"))

    assert reporters["one"].ends == ["_Broken"]
    assert queue.deleted == ["receipt 0"]


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"task_token": "one", "request_id": "no", "attempt": 1}'])
def test_an_invalid_message_is_left_for_the_dead_letter_queue(body: str) -> None:
    queue, reporters = _run_queue(_processed, body, _body("two"))

    assert list(reporters) == ["two"]
    assert queue.deleted == ["receipt 1"]


def test_a_stopped_job_returns_to_the_queue_and_is_not_reported() -> None:
    queue, reporter = _Queue(), FakeTaskReporter()
    runner: JobRunner

    def process(job: Job, deadline: Deadline) -> str:
        runner.stop()
        return _until_stopped(job, deadline)

    runner = _runner(process)
    queue.add(_body("one"))
    queue.add(_body("two"))

    runner.run_queue(queue, lambda _token: reporter)

    assert reporter.ends == []
    assert queue.hidden[-1] == ("receipt 0", 0)
    assert queue.deleted == []
    assert len(queue.messages) == 1


def test_a_short_outage_of_the_queue_does_not_end_the_worker() -> None:
    queue, reporter, runner = _Queue(is_down=True), FakeTaskReporter(), _runner(_processed)
    queue.when_empty = runner.stop
    queue.add(_body("one"))

    runner.run_queue(queue, lambda _token: reporter, pause_s=0)

    assert reporter.ends == [{"outcome": "processed"}]
