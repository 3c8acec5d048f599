"""The sweeper restarts, fails or requeues orphaned work, and leaves work in progress alone."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from tests.fakes.delivery_queue import FakeDeliveryQueue
from tests.fakes.event_queue import FakeEventQueue
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.pipeline import Pipeline, check_history
from whyviral.admin.scheduled_job import run_once
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus, Stage
from whyviral.analysis.orphaned import EXECUTION_LOST, OVERDUE_AFTER, START_AFTER, Sweeper
from whyviral.analysis.pipeline import RequestJob
from whyviral.core.database import session_scope
from whyviral.core.logging import build_logger
from whyviral.integrations.aws.step_functions import ExecutionStatus
from whyviral.integrations.errors import ProviderError
from whyviral.jobs.models import JobRun
from whyviral.webhooks.inbox import GIVE_UP_AFTER, QUEUE_AGAIN_AFTER, STUCK_AFTER
from whyviral.webhooks.models import EventState, WebhookEvent

NOTHING = dict.fromkeys(
    (
        *("requests_overdue", "requests_orphaned", "requests_started", "requests_left"),
        *("events_queued", "events_stuck", "deliveries_queued"),
    ),
    0,
)
MOMENT = timedelta(microseconds=1)


class SweeperFixture:
    """A sweeper over the pipeline's database, with fakes of the state machine and the queue."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.workflow = FakeWorkflow()
        self.queue = FakeEventQueue()
        self.deliveries = FakeDeliveryQueue()

    def sweep(self, **fields: Any) -> dict[str, int]:
        """Run the sweeper and return the non-zero counts."""
        sweeper = Sweeper(
            self.pipeline.engine,
            self.workflow,
            self.queue,
            self.deliveries,
            clock=self.pipeline.clock,
            logger=build_logger("test"),
            **fields,
        )
        found = sweeper.sweep()
        return {name: number for name, number in found.items() if number}

    def admit(self, *, age: timedelta, execution: ExecutionStatus | None = None, **columns: Any) -> RequestJob:
        """Admit a request of this age with an execution in this status."""
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
        """Save a webhook event of this age in the inbox."""
        came = self.pipeline.clock() - age
        row = {"provider": "clerk", "event_id": str(uuid.uuid4()), "type": "user.created", "payload": {}}
        event = WebhookEvent(**row | {"created_at": came, "updated_at": came} | columns)
        with session_scope(self.pipeline.engine) as session:
            session.add(event)
        return event.id


@pytest.fixture
def sweeper(pipeline: Pipeline) -> Any:
    yield SweeperFixture(pipeline)
    with session_scope(pipeline.engine) as session:
        session.execute(delete(WebhookEvent))
        session.execute(delete(JobRun))


def test_the_sweeper_starts_a_committed_request_that_was_never_started(sweeper: SweeperFixture) -> None:
    job = sweeper.admit(age=START_AFTER + MOMENT)

    assert sweeper.sweep() == {"requests_started": 1}

    assert sweeper.workflow.started == [(job.request_id, 1)]
    assert sweeper.sweep() == {}
    assert sweeper.status(job) == RequestStatus.PENDING


def test_the_sweeper_ignores_a_request_that_the_api_may_be_about_to_start(sweeper: SweeperFixture) -> None:
    sweeper.admit(age=START_AFTER)

    assert (sweeper.sweep(), sweeper.workflow.started) == ({}, [])


def test_unstarted_requests_wait_until_the_state_machine_is_reachable(sweeper: SweeperFixture) -> None:
    job = sweeper.admit(age=START_AFTER + MOMENT)
    sweeper.workflow.is_down = True
    for _ in range(3):
        with pytest.raises(ProviderError):
            sweeper.sweep()
        sweeper.pipeline.clock.advance(120)

    sweeper.workflow.is_down = False

    assert sweeper.sweep() == {"requests_started": 1}
    assert sweeper.status(job) == RequestStatus.PENDING


def test_the_sweeper_ignores_a_running_request_until_it_is_overdue(sweeper: SweeperFixture) -> None:
    job = sweeper.admit(age=OVERDUE_AFTER, execution=ExecutionStatus.RUNNING)

    assert sweeper.sweep() == {}

    sweeper.pipeline.clock.advance(1)
    assert sweeper.sweep() == {"requests_overdue": 1}
    request = sweeper.pipeline.read(job)
    assert (request.status, request.error_category) == (RequestStatus.FAILED, "timeout")
    assert sweeper.workflow.stopped == [(job.request_id, 1)]


def test_an_overdue_request_is_failed_although_the_state_machine_is_unreachable(sweeper: SweeperFixture) -> None:
    sweeper.workflow.is_down = True
    jobs = [sweeper.admit(age=OVERDUE_AFTER + MOMENT) for _ in range(2)]

    with pytest.raises(ProviderError):
        sweeper.sweep()

    assert [sweeper.status(job) for job in jobs] == [RequestStatus.FAILED] * 2


@pytest.mark.parametrize(
    ("execution", "error", "category"),
    [
        (ExecutionStatus.FAILED, "ExecutionFailed", "internal"),
        (ExecutionStatus.TIMED_OUT, "States.Timeout", "timeout"),
        (ExecutionStatus.ABORTED, "ExecutionAborted", "internal"),
        (ExecutionStatus.SUCCEEDED, EXECUTION_LOST, "internal"),
        (None, EXECUTION_LOST, "internal"),
    ],
)
def test_a_request_without_an_execution_is_failed_and_its_usage_returned(
    sweeper: SweeperFixture, execution: ExecutionStatus | None, error: str, category: str
) -> None:
    job = sweeper.admit(age=START_AFTER + MOMENT, execution=execution, status=RequestStatus.PROCESSING)

    assert sweeper.sweep() == {"requests_orphaned": 1}

    request = sweeper.pipeline.read(job)
    assert (request.status, request.error_stage, request.error_category) == (
        RequestStatus.FAILED,
        Stage.FETCHING_POSTS,
        category,
    )
    assert (request.error_details or {})["error"] == error
    assert (sweeper.pipeline.reserved(job), sweeper.workflow.started) == (["returned"], [])
    assert sweeper.sweep() == {}


def test_an_orphaned_request_fails_at_the_stage_of_its_history(sweeper: SweeperFixture) -> None:
    pipeline = sweeper.pipeline
    jobs = [pipeline.admit("30"), pipeline.fetched("31")[0], pipeline.collected("32")[0]]
    explained, (post,) = pipeline.collected("33")
    pipeline.explain(explained, post)
    pipeline.clock.advance(OVERDUE_AFTER.total_seconds() + 3600)
    with session_scope(pipeline.engine) as session:
        session.execute(
            update(PostAnalysisRequest).values(attempt_started_at=pipeline.clock() - OVERDUE_AFTER - MOMENT)
        )

    sweeper.sweep()

    stages = [pipeline.read(job).error_stage for job in jobs]
    assert stages == [Stage.FETCHING_POSTS, Stage.COLLECTING_MEDIA, Stage.COLLECTING_MEDIA]
    check_history(pipeline.read(jobs[-1]))
    assert pipeline.read(explained).finished_at == pipeline.clock()


def test_the_sweeper_does_not_fail_an_attempt_that_starts_during_the_sweep(sweeper: SweeperFixture) -> None:
    job = sweeper.admit(age=START_AFTER + MOMENT, execution=ExecutionStatus.FAILED)
    sweeper.workflow.on_find = lambda: sweeper.pipeline.supersede(job)

    assert sweeper.sweep() == {}
    assert sweeper.status(job) == RequestStatus.PENDING


def test_in_a_shared_database_only_requests_of_our_state_machine_are_swept(sweeper: SweeperFixture) -> None:
    ours = sweeper.admit(age=OVERDUE_AFTER + MOMENT)
    others = sweeper.admit(age=OVERDUE_AFTER + MOMENT, execution_arn="arn:aws:states:eu-central-1:1:execution:theirs:x")
    sweeper.receive(age=STUCK_AFTER + MOMENT)

    assert sweeper.sweep(owns_database=False) == {"requests_overdue": 1}

    assert (sweeper.status(ours), sweeper.status(others)) == (RequestStatus.FAILED, RequestStatus.PENDING)
    assert sweeper.queue.events == []


@pytest.mark.proof
def test_a_locked_request_does_not_block_the_others(sweeper: SweeperFixture) -> None:
    held, free = (sweeper.admit(age=OVERDUE_AFTER + MOMENT) for _ in range(2))
    with sweeper.pipeline.engine.connect() as holder:
        holder.execute(select(PostAnalysisRequest).where(PostAnalysisRequest.id == held.request_id).with_for_update())
        # Instead of the usual eight seconds.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("whyviral.core.database.STATEMENT_TIMEOUT_MS", 300)
            results = sweeper.sweep()
        holder.rollback()

    assert results == {"requests_overdue": 1, "requests_left": 1}
    assert (sweeper.status(held), sweeper.status(free)) == (RequestStatus.PENDING, RequestStatus.FAILED)


def test_the_sweeper_stops_at_its_time_limit(sweeper: SweeperFixture) -> None:
    sweeper.admit(age=OVERDUE_AFTER + MOMENT)

    assert sweeper.sweep(stop_at_mono_s=0.0) == {}


def test_concurrent_sweeps_fail_a_request_once(sweeper: SweeperFixture) -> None:
    job = sweeper.admit(age=OVERDUE_AFTER + MOMENT)
    found: list[dict[str, int]] = []
    runs = [threading.Thread(target=lambda: found.append(sweeper.sweep())) for _ in range(4)]

    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert sorted(found, key=len) == [{}, {}, {}, {"requests_overdue": 1}]
    assert check_history(sweeper.pipeline.read(job)) == [Stage.REQUEST_CREATED, Stage.ERROR]


def test_an_unprocessed_event_is_requeued_with_exponential_backoff(sweeper: SweeperFixture) -> None:
    event = sweeper.receive(age=QUEUE_AGAIN_AFTER)
    queued_after_min = []

    for minute in range(5, 100, 5):
        if sweeper.sweep().get("events_queued"):
            queued_after_min.append(minute)
        sweeper.pipeline.clock.advance(300)

    assert queued_after_min == [5, 10, 20, 40, 80]
    assert set(sweeper.queue.events) == {event}


def test_recent_processed_and_given_up_events_are_not_requeued(sweeper: SweeperFixture) -> None:
    sweeper.receive(age=QUEUE_AGAIN_AFTER - MOMENT)
    sweeper.receive(age=QUEUE_AGAIN_AFTER, state=EventState.PROCESSED)
    sweeper.receive(age=QUEUE_AGAIN_AFTER, state=EventState.IGNORED)
    sweeper.receive(age=GIVE_UP_AFTER + MOMENT)

    assert (sweeper.sweep(), sweeper.queue.events) == ({"events_stuck": 1}, [])


def test_an_unreachable_queue_loses_no_event(sweeper: SweeperFixture) -> None:
    event = sweeper.receive(age=QUEUE_AGAIN_AFTER, state=EventState.FAILED)
    sweeper.queue.is_down = True
    with pytest.raises(ProviderError):
        sweeper.sweep()

    sweeper.queue.is_down = False
    sweeper.pipeline.clock.advance(QUEUE_AGAIN_AFTER.total_seconds())

    assert (sweeper.sweep(), sweeper.queue.events) == ({"events_queued": 1}, [event])


def test_the_results_of_a_sweep_are_in_its_job_run(sweeper: SweeperFixture) -> None:
    sweeper.admit(age=START_AFTER + MOMENT)
    due = sweeper.pipeline.clock()
    swept = Sweeper(
        sweeper.pipeline.engine,
        sweeper.workflow,
        sweeper.queue,
        sweeper.deliveries,
        clock=sweeper.pipeline.clock,
        logger=build_logger("test"),
    )

    run_once(sweeper.pipeline.engine, "sweeper", due, swept.sweep, clock=sweeper.pipeline.clock)

    with session_scope(sweeper.pipeline.engine) as session:
        run = session.scalars(select(JobRun)).one()
    assert (run.job, run.due_at, run.state, run.results) == (
        "sweeper",
        due,
        "SUCCEEDED",
        NOTHING | {"requests_started": 1},
    )
