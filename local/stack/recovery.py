"""Recovery after a restart: the new state machine and the new queue hold none of the work that the old ones had."""

from collections.abc import Mapping
from datetime import timedelta

from whyviral.analysis.orphaned import Sweeper
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine, session_scope
from whyviral.core.logging import build_logger
from whyviral.integrations.aws.delivery_queue import SqsDeliveryQueue
from whyviral.integrations.aws.event_queue import SqsEventQueue
from whyviral.integrations.aws.step_functions import StepFunctionsWorkflow
from whyviral.webhooks import inbox
from whyviral.webhooks.outgoing.unqueued import make_due


def recover(
    database_url: str, *, state_machine_arn: str, queue_url: str, delivery_queue_url: str, owns_database: bool
) -> Mapping[str, int]:
    """Fail orphaned requests, start those that were never started, and requeue webhooks, before the first call.

    Args:
        database_url: the database.
        state_machine_arn: the new state machine, which has the old one's name but none of its executions.
        queue_url: the new queue of received webhooks, which is empty.
        delivery_queue_url: the new queue of outgoing webhooks, which is empty.
        owns_database: whether this is the only system on the database; if not, only the requests of this state
            machine are recovered.
    """
    engine = build_engine(database_url)
    queue = SqsEventQueue(queue_url)
    sweeper = Sweeper(
        engine,
        StepFunctionsWorkflow(state_machine_arn),
        queue,
        SqsDeliveryQueue(delivery_queue_url),
        clock=utc_now,
        logger=build_logger("recovery"),
        owns_database=owns_database,
        start_after=timedelta(0),
    )
    try:
        if owns_database:
            with session_scope(engine) as session:
                events = inbox.list_unfinished(session)
                make_due(session, now=utc_now())
            for event_id in events:
                queue.send(event_id)
        return sweeper.sweep()
    finally:
        engine.dispose()
