"""What was lost between two systems is begun, ended or queued again; what somebody works on is left alone."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from tests.fakes.event_queue import FakeEventQueue
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.pipeline import Pipeline, check_history
from whyviral.admin.scheduled_job import run_once
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus, Stage
from whyviral.analysis.orphaned import LOST, OVERDUE_AFTER, START_AFTER, Sweeper
from whyviral.analysis.pipeline import RequestJob
from whyviral.core.database import session_scope
from whyviral.core.logging import build_logger
from whyviral.integrations.aws.step_functions import ExecutionStatus
from whyviral.integrations.errors import ProviderError
from whyviral.jobs.models import JobRun
from whyviral.webhooks.inbox import GIVE_UP_AFTER, QUEUE_AGAIN_AFTER, STUCK_AFTER
from whyviral.webhooks.models import EventState, WebhookEvent

NOTHING = dict.fromkeys(
    ("requests_overdue", "requests_orphaned", "requests_started", "requests_left", "events_queued", "events_stuck"), 0
)
MOMENT = timedelta(microseconds=1)


class Swept:
    """A sweeper over the pipeline's database, and what it is connected to."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.workflow = FakeWorkflow()
        self.queue = FakeEventQueue()

    def sweep(self, **fields: Any) -> dict[str, int]:
        """Sweep and return what there was to do."""
        sweeper = Sweeper(
            self.pipeline.engine,
            self.workflow,
            self.queue,
            clock=self.pipeline.clock,
            logger=build_logger("test"),
            **fields,
        )
        found = sweeper.sweep()
        return {name: number for name, number in found.items() if number}

    def admit(self, *, age: timedelta, execution: ExecutionStatus | None = None, **columns: Any) -> RequestJob:
        """Admit a request so long ago, whose execution is as given."""
        fetch = self.pipeline.admit("20")
        job = RequestJob(request_id=fetch.request_id, attempt=fetch.attempt)
        arn = self.workflow.execution_arn(job.request_id, job.attempt)
        values = {"execution_arn": arn, "attempt_started_at": self.pipeline.clock() - age} | columns
        with session_scope(self.pipeline.engine) as session:
            session.execute(update(PostAnalysisRequest).where(PostAnalysisRequest.id == job.request_id).values(values))
        if execution is not None:
            self.workflow.statuses[job.request_id, job.attempt] = execution
        return job

    def status(self, job: RequestJob) -> str:
        return self.pipeline.read(job).status

    def receive(self, *, age: timedelta, **columns: Any) -> uuid.UUID:
        """Receive an event so long ago."""
        came = self.pipeline.clock() - age
        row = {"provider": "clerk", "event_id": str(uuid.uuid4()), "type": "user.created", "payload": {}}
        event = WebhookEvent(**row | {"created_at": came, "updated_at": came} | columns)
        with session_scope(self.pipeline.engine) as session:
            session.add(event)
        return event.id


@pytest.fixture
def swept(pipeline: Pipeline) -> Any:
    yield Swept(pipeline)
    with session_scope(pipeline.engine) as session:
        session.execute(delete(WebhookEvent))
        session.execute(delete(JobRun))


def test_what_was_committed_and_not_started_is_started(swept: Swept) -> None:
    job = swept.admit(age=START_AFTER + MOMENT)

    assert swept.sweep() == {"requests_started": 1}

    assert swept.workflow.started == [(job.request_id, 1)]
    assert swept.sweep() == {}
    assert swept.status(job) == RequestStatus.PENDING


def test_what_the_api_may_be_about_to_start_is_left_to_it(swept: Swept) -> None:
    swept.admit(age=START_AFTER)

    assert (swept.sweep(), swept.workflow.started) == ({}, [])


def test_while_nothing_can_be_started_requests_wait_and_then_begin(swept: Swept) -> None:
    job = swept.admit(age=START_AFTER + MOMENT)
    swept.workflow.is_down = True
    for _ in range(3):
        with pytest.raises(ProviderError):
            swept.sweep()
        swept.pipeline.clock.advance(120)

    swept.workflow.is_down = False

    assert swept.sweep() == {"requests_started": 1}
    assert swept.status(job) == RequestStatus.PENDING


def test_what_runs_is_left_alone_until_it_is_overdue(swept: Swept) -> None:
    job = swept.admit(age=OVERDUE_AFTER, execution=ExecutionStatus.RUNNING)

    assert swept.sweep() == {}

    swept.pipeline.clock.advance(1)
    assert swept.sweep() == {"requests_overdue": 1}
    request = swept.pipeline.read(job)
    assert (request.status, request.error_category) == (RequestStatus.FAILED, "timeout")
    assert swept.workflow.stopped == [(job.request_id, 1)]


def test_what_is_overdue_is_ended_although_nobody_can_be_asked(swept: Swept) -> None:
    swept.workflow.is_down = True
    jobs = [swept.admit(age=OVERDUE_AFTER + MOMENT) for _ in range(2)]

    with pytest.raises(ProviderError):
        swept.sweep()

    assert [swept.status(job) for job in jobs] == [RequestStatus.FAILED] * 2


@pytest.mark.parametrize(
    ("execution", "error", "category"),
    [
        (ExecutionStatus.FAILED, "ExecutionFailed", "internal"),
        (ExecutionStatus.TIMED_OUT, "States.Timeout", "timeout"),
        (ExecutionStatus.ABORTED, "ExecutionAborted", "internal"),
        (ExecutionStatus.SUCCEEDED, LOST, "internal"),
        (None, LOST, "internal"),
    ],
)
def test_a_request_whose_execution_is_gone_has_its_end_and_its_usage_back(
    swept: Swept, execution: ExecutionStatus | None, error: str, category: str
) -> None:
    job = swept.admit(age=START_AFTER + MOMENT, execution=execution, status=RequestStatus.PROCESSING)

    assert swept.sweep() == {"requests_orphaned": 1}

    request = swept.pipeline.read(job)
    assert (request.status, request.error_stage, request.error_category) == (
        RequestStatus.FAILED,
        Stage.FETCHING_POSTS,
        category,
    )
    assert (request.error_details or {})["error"] == error
    assert (swept.pipeline.reserved(job), swept.workflow.started) == (["returned"], [])
    assert swept.sweep() == {}


def test_a_request_ends_at_the_stage_that_its_history_says(swept: Swept) -> None:
    pipeline = swept.pipeline
    jobs = [pipeline.admit("30"), pipeline.fetched("31")[0], pipeline.collected("32")[0]]
    explained, (post,) = pipeline.collected("33")
    pipeline.explain(explained, post)
    pipeline.clock.advance(OVERDUE_AFTER.total_seconds() + 3600)
    with session_scope(pipeline.engine) as session:
        session.execute(
            update(PostAnalysisRequest).values(attempt_started_at=pipeline.clock() - OVERDUE_AFTER - MOMENT)
        )

    swept.sweep()

    stages = [pipeline.read(job).error_stage for job in jobs]
    assert stages == [Stage.FETCHING_POSTS, Stage.COLLECTING_MEDIA, Stage.COLLECTING_MEDIA]
    check_history(pipeline.read(jobs[-1]))
    assert pipeline.read(explained).finished_at == pipeline.clock()


def test_another_attempt_that_begins_meanwhile_is_left_alone(swept: Swept) -> None:
    job = swept.admit(age=START_AFTER + MOMENT, execution=ExecutionStatus.FAILED)
    swept.workflow.on_find = lambda: swept.pipeline.supersede(job)

    assert swept.sweep() == {}
    assert swept.status(job) == RequestStatus.PENDING


def test_in_a_database_of_others_only_our_own_requests_are_looked_after(swept: Swept) -> None:
    ours = swept.admit(age=OVERDUE_AFTER + MOMENT)
    others = swept.admit(age=OVERDUE_AFTER + MOMENT, execution_arn="arn:aws:states:eu-central-1:1:execution:theirs:x")
    swept.receive(age=STUCK_AFTER + MOMENT)

    assert swept.sweep(owns_database=False) == {"requests_overdue": 1}

    assert (swept.status(ours), swept.status(others)) == (RequestStatus.FAILED, RequestStatus.PENDING)
    assert swept.queue.events == []


@pytest.mark.proof
def test_a_request_that_somebody_holds_keeps_nobody_else_waiting(swept: Swept) -> None:
    held, free = (swept.admit(age=OVERDUE_AFTER + MOMENT) for _ in range(2))
    with swept.pipeline.engine.connect() as holder:
        holder.execute(select(PostAnalysisRequest).where(PostAnalysisRequest.id == held.request_id).with_for_update())
        # In place of eight seconds.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("whyviral.core.database.STATEMENT_TIMEOUT_MS", 300)
            results = swept.sweep()
        holder.rollback()

    assert results == {"requests_overdue": 1, "requests_left": 1}
    assert (swept.status(held), swept.status(free)) == (RequestStatus.PENDING, RequestStatus.FAILED)


def test_what_there_is_no_time_for_is_left_to_the_next_run(swept: Swept) -> None:
    swept.admit(age=OVERDUE_AFTER + MOMENT)

    assert swept.sweep(stop_at=0.0) == {}


def test_two_runs_at_once_end_a_request_once(swept: Swept) -> None:
    job = swept.admit(age=OVERDUE_AFTER + MOMENT)
    found: list[dict[str, int]] = []
    runs = [threading.Thread(target=lambda: found.append(swept.sweep())) for _ in range(4)]

    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert sorted(found, key=len) == [{}, {}, {}, {"requests_overdue": 1}]
    assert check_history(swept.pipeline.read(job)) == [Stage.REQUEST_CREATED, Stage.ERROR]


def test_an_event_that_nobody_acted_on_is_queued_again_and_then_rests_twice_as_long(swept: Swept) -> None:
    event = swept.receive(age=QUEUE_AGAIN_AFTER)
    queued_after_min = []

    for minute in range(5, 100, 5):
        if swept.sweep().get("events_queued"):
            queued_after_min.append(minute)
        swept.pipeline.clock.advance(300)

    assert queued_after_min == [5, 10, 20, 40, 80]
    assert set(swept.queue.events) == {event}


def test_events_that_are_young_done_or_given_up_are_not_queued(swept: Swept) -> None:
    swept.receive(age=QUEUE_AGAIN_AFTER - MOMENT)
    swept.receive(age=QUEUE_AGAIN_AFTER, state=EventState.PROCESSED)
    swept.receive(age=QUEUE_AGAIN_AFTER, state=EventState.IGNORED)
    swept.receive(age=GIVE_UP_AFTER + MOMENT)

    assert (swept.sweep(), swept.queue.events) == ({"events_stuck": 1}, [])


def test_a_queue_that_is_down_loses_no_event(swept: Swept) -> None:
    event = swept.receive(age=QUEUE_AGAIN_AFTER, state=EventState.FAILED)
    swept.queue.is_down = True
    with pytest.raises(ProviderError):
        swept.sweep()

    swept.queue.is_down = False
    swept.pipeline.clock.advance(QUEUE_AGAIN_AFTER.total_seconds())

    assert (swept.sweep(), swept.queue.events) == ({"events_queued": 1}, [event])


def test_what_a_run_found_stands_in_its_row(swept: Swept) -> None:
    swept.admit(age=START_AFTER + MOMENT)
    due = swept.pipeline.clock()
    sweeper = Sweeper(
        swept.pipeline.engine, swept.workflow, swept.queue, clock=swept.pipeline.clock, logger=build_logger("test")
    )

    run_once(swept.pipeline.engine, "sweeper", due, sweeper.sweep, clock=swept.pipeline.clock)

    with session_scope(swept.pipeline.engine) as session:
        run = session.scalars(select(JobRun)).one()
    assert (run.job, run.due_at, run.state, run.results) == (
        "sweeper",
        due,
        "SUCCEEDED",
        NOTHING | {"requests_started": 1},
    )
