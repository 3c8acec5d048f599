"""Writing down what happened."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert
from sqlalchemy.orm import Session

from whyviral.core.calls import ExternalCall

from .models import ApiAccessLog, ExternalApiCallLog


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """One request that the API answered."""

    request_id: str
    method: str
    route: str | None
    status: int
    response_time_ms: int
    error_code: str | None = None
    user_id: uuid.UUID | None = None
    address: str | None = None
    user_agent: str | None = None


def record_access(connection: Connection, access: ApiAccess) -> None:
    """Append an access, in one statement."""
    connection.execute(insert(ApiAccessLog).values(asdict(access)))


def record_external_calls(
    session: Session,
    calls: Sequence[ExternalCall],
    *,
    analysis_request_id: uuid.UUID | None = None,
    attempt: int | None = None,
    post_id: uuid.UUID | None = None,
    user_id: uuid.UUID | None = None,
) -> None:
    """Append the calls a client collected, in one statement."""
    if not calls:
        return
    belongs_to = {
        "analysis_request_id": analysis_request_id,
        "attempt": attempt,
        "post_id": post_id,
        "user_id": user_id,
    }
    session.execute(insert(ExternalApiCallLog), [asdict(call) | belongs_to for call in calls])
