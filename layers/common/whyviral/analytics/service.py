"""Writing down what happened."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import insert
from sqlalchemy.orm import Session

from whyviral.core.calls import ExternalCall

from .models import ExternalApiCallLog


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
