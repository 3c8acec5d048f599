"""The record of what administrators do: each action with its reason and its outcome."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from whyviral.core.database import session_scope
from whyviral.core.errors import AppError

from .models import ActionName, ActionOutcome, AdminAction, TargetType

MIN_REASON_CHARS = 3
MAX_REASON_CHARS = 500


class ReasonMissing(AppError):
    """The action has no reason, or one that is too short or too long."""

    status_code = 422
    code = "reason_missing"

    def __init__(self) -> None:
        super().__init__(f"Say why, in {MIN_REASON_CHARS} to {MAX_REASON_CHARS} characters.")


class TargetNotFound(AppError):
    """There is no row with this id."""

    status_code = 404
    code = "target_not_found"

    def __init__(self, target: TargetType) -> None:
        super().__init__(f"There is no {target.replace('_', ' ')} with this id.")


@dataclass(frozen=True, slots=True)
class Intent:
    """What an administrator wants to do, to which row, and why."""

    admin_id: uuid.UUID
    action: ActionName
    target_type: TargetType
    target_id: uuid.UUID
    reason: str

    def __post_init__(self) -> None:
        """Refuse an intent without a reason."""
        if not MIN_REASON_CHARS <= len(self.reason.strip()) <= MAX_REASON_CHARS or "\0" in self.reason:
            raise ReasonMissing


def record(
    session: Session, intent: Intent, outcome: ActionOutcome = ActionOutcome.SUCCEEDED, **details: Any
) -> AdminAction:
    """Append an action to the record, in the transaction of its change."""
    action = AdminAction(
        admin_id=intent.admin_id,
        action=intent.action,
        target_type=intent.target_type,
        target_id=intent.target_id,
        reason=intent.reason.strip(),
        outcome=outcome,
        details=details,
    )
    session.add(action)
    session.flush()
    return action


@contextmanager
def audited(engine: Engine, intent: Intent) -> Iterator[Session]:
    """Open the transaction of an action. If a rule refuses it, only the refusal is recorded, and raised."""
    try:
        with session_scope(engine) as session:
            yield session
    except AppError as exc:
        if not isinstance(exc, TargetNotFound):
            with session_scope(engine) as session:
                record(session, intent, ActionOutcome.REFUSED, code=exc.code)
        raise


def finish(engine: Engine, action_id: uuid.UUID, outcome: ActionOutcome, **details: Any) -> None:
    """Record the outcome of an action that was recorded as started."""
    with session_scope(engine) as session:
        action = session.get_one(AdminAction, action_id, with_for_update=True)
        action.outcome = outcome
        action.details = action.details | details
