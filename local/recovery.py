"""What a restart does for what went away with the old state machine and the old queue."""

import json
from collections.abc import Callable

from sqlalchemy import select

from whyviral.analysis.models import PostAnalysisRequest, RequestStatus, Stage
from whyviral.billing import inbox
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine, session_scope
from whyviral.integrations.event_queue import SqsEventQueue

ERROR = "ExecutionLost"


def fail_lost_requests(database_url: str, *, invoke: Callable[[bytes], object]) -> None:
    """Hand every request without an end to FailRequest, which tells its user to try again."""
    engine = build_engine(database_url)
    try:
        with session_scope(engine) as session:
            lost = session.execute(
                select(PostAnalysisRequest.id, PostAnalysisRequest.attempt).where(
                    PostAnalysisRequest.status.in_((RequestStatus.PENDING, RequestStatus.PROCESSING))
                )
            ).all()
    finally:
        engine.dispose()
    for request_id, attempt in lost:
        event = {"request_id": str(request_id), "attempt": attempt, "stage": Stage.FETCHING_POSTS, "error": ERROR}
        invoke(json.dumps(event).encode())


def queue_unfinished_events(database_url: str, queue_url: str) -> None:
    """Queue every event of the inbox about which something is still to be done."""
    engine = build_engine(database_url)
    try:
        with session_scope(engine) as session:
            events = inbox.list_unfinished(session, received_before=utc_now())
    finally:
        engine.dispose()
    queue = SqsEventQueue(queue_url)
    for event_id in events:
        queue.send(event_id)
