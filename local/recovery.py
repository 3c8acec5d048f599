"""What a restart does for requests whose execution went away with the state machine that ran it."""

import json
from collections.abc import Callable

from sqlalchemy import select

from whyviral.analysis.models import PostAnalysisRequest, RequestStatus, Stage
from whyviral.core.database import build_engine, session_scope

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
