"""The webhooks that report the end of a request: created with it, queued after it, never lost and never doubled."""

import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from tests.factories import create_endpoint
from tests.fakes.delivery_queue import FakeDeliveryQueue
from tests.fakes.event_queue import FakeEventQueue
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.database import count_statements
from tests.fixtures.pipeline import Pipeline
from whyviral.accounts.models import User
from whyviral.analysis.models import Stage
from whyviral.analysis.orphaned import Sweeper
from whyviral.analysis.pipeline import Outcome, RequestJob
from whyviral.core.database import session_scope
from whyviral.core.logging import build_logger
from whyviral.webhooks.outgoing.dispatch import queue_deliveries
from whyviral.webhooks.outgoing.models import OutgoingDelivery
from whyviral.webhooks.outgoing.retry_schedule import QUEUED_FOR

logger = build_logger("test")


@pytest.fixture
def endpoint_id(pipeline: Pipeline) -> uuid.UUID:
    with session_scope(pipeline.engine) as session:
        return create_endpoint(session, session.get_one(User, pipeline.user_id)).id


def explained(pipeline: Pipeline, *post_ids: str) -> RequestJob:
    job, posts = pipeline.collected(*post_ids)
    for post in posts:
        pipeline.explain(job, post)
    return job


def deliveries(pipeline: Pipeline, job: RequestJob) -> Sequence[OutgoingDelivery]:
    with session_scope(pipeline.engine) as session:
        return session.scalars(
            select(OutgoingDelivery)
            .where(OutgoingDelivery.analysis_request_id == job.request_id)
            .order_by(OutgoingDelivery.created_at)
        ).all()


def test_a_completed_request_is_reported_with_ids_and_counts_only(pipeline: Pipeline, endpoint_id: uuid.UUID) -> None:
    pipeline.source.absent = {"404"}
    job = explained(pipeline, "20", "404")

    result = pipeline.finish(job)

    (delivery,) = deliveries(pipeline, job)
    assert result.deliveries == (delivery.id,)
    assert "deliveries" not in result.model_dump(mode="json")
    assert (delivery.endpoint_id, delivery.type) == (endpoint_id, "analysis.completed")
    assert delivery.data == {
        "analysis_request_id": str(job.request_id),
        "attempt": 1,
        "platform": "x",
        "status": "COMPLETED",
        "urls": 2,
        "explained": 1,
        "is_partial": True,
        "error_category": None,
    }


def test_a_failed_request_is_reported_with_its_category(pipeline: Pipeline, endpoint_id: uuid.UUID) -> None:
    job, _ = pipeline.fetched("20")

    result = pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="States.Timeout")

    (delivery,) = deliveries(pipeline, job)
    assert (result.deliveries, delivery.type) == ((delivery.id,), "analysis.failed")
    assert (delivery.data["status"], delivery.data["error_category"]) == ("FAILED", "timeout")
    assert (delivery.data["explained"], delivery.data["is_partial"]) == (0, False)


def test_each_attempt_is_reported_once(pipeline: Pipeline, endpoint_id: uuid.UUID) -> None:
    job, _ = pipeline.fetched("20")
    for _ in range(2):
        pipeline.fail(job, stage=Stage.FETCHING_POSTS, error="States.Timeout")
    second = pipeline.try_again(job)
    pipeline.run(second)

    reported = deliveries(pipeline, job)

    assert [(each.type, each.data["attempt"]) for each in reported] == [
        ("analysis.failed", 1),
        ("analysis.completed", 2),
    ]


def test_a_superseded_attempt_reports_nothing(pipeline: Pipeline, endpoint_id: uuid.UUID) -> None:
    job = explained(pipeline, "20")
    pipeline.supersede(job)

    assert pipeline.finish(job).outcome == Outcome.SUPERSEDED
    assert deliveries(pipeline, job) == []


def test_reporting_takes_one_statement_however_many_endpoints_there_are(pipeline: Pipeline) -> None:
    numbers = []
    for _ in range(2):
        job = explained(pipeline, "20")
        with count_statements() as statements:
            pipeline.finish(job)
        numbers.append(len(statements))
        assert sum("outgoing_" in statement for statement in statements) == 1
        with session_scope(pipeline.engine) as session:
            for _ in range(3):
                create_endpoint(session, session.get_one(User, pipeline.user_id))

    assert numbers[0] == numbers[1]


def test_a_report_that_the_queue_refused_is_queued_by_the_sweeper(pipeline: Pipeline, endpoint_id: uuid.UUID) -> None:
    result = pipeline.finish(explained(pipeline, "20"))
    queue = FakeDeliveryQueue(is_down=True)

    is_queued = queue_deliveries(queue, result.deliveries, logger=logger)
    queue.is_down = False
    pipeline.clock.advance(QUEUED_FOR.total_seconds())
    swept = [sweep(pipeline, queue) for _ in range(2)]

    assert (is_queued, swept) == (False, [1, 0])
    assert queue.receive() == list(result.deliveries)


def test_the_sweeper_leaves_the_deliveries_of_a_database_that_it_shares(
    pipeline: Pipeline, endpoint_id: uuid.UUID
) -> None:
    pipeline.finish(explained(pipeline, "20"))
    pipeline.clock.advance(QUEUED_FOR.total_seconds())

    assert sweep(pipeline, FakeDeliveryQueue(), owns_database=False) == 0


def sweep(pipeline: Pipeline, queue: FakeDeliveryQueue, *, owns_database: bool = True) -> int:
    """Run the sweeper and return the number of deliveries that it queued."""
    sweeper = Sweeper(
        pipeline.engine,
        FakeWorkflow(),
        FakeEventQueue(),
        queue,
        clock=pipeline.clock,
        logger=logger,
        owns_database=owns_database,
    )
    return sweeper.sweep()["deliveries_queued"]
