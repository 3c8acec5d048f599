"""The log of vendor calls: a row is announced before a paid call is made, and completed afterwards."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Integer, cast, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from whyviral.core.errors import ErrorCategory
from whyviral.core.logging import build_logger
from whyviral.core.telemetry import trace
from whyviral.core.telemetry.catalogue import MODEL_TOKENS, VENDOR_CALLS, VENDOR_DURATION
from whyviral.core.telemetry.on_commit import record_on_commit
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall

from .models import ExternalApiCallLog

_logger = build_logger("vendor_calls")

_COMPLETED_COLUMNS = (
    "duration_ms",
    "status",
    "error_category",
    "cost_usd",
    "model",
    "input_tokens",
    "output_tokens",
    "job_id",
)


@dataclass(frozen=True, slots=True)
class CallOwner:
    """The work on whose behalf a call is made, as the log names it."""

    analysis_request_id: uuid.UUID | None = None
    attempt: int | None = None
    step: str | None = None
    post_id: uuid.UUID | None = None
    user_id: uuid.UUID | None = None
    chat_message_id: uuid.UUID | None = None


def announce_call(session: Session, intent: CallIntent, owner: CallOwner, *, reserved_usd: Decimal) -> None:
    """Append a call that is about to be made; its end and cost stay unknown until it is recorded."""
    row = asdict(owner) | {
        "id": intent.id,
        "created_at": intent.started_at,
        "provider": intent.provider,
        "operation": intent.operation,
        "started_at": intent.started_at,
        "model": intent.model,
        "is_stand_in": intent.is_stand_in,
        "reserved_usd": reserved_usd,
        "trace_id": trace.current(),
    }
    session.execute(insert(ExternalApiCallLog).values(row))


def record_calls(session: Session, calls: Sequence[ExternalCall], owner: CallOwner) -> None:
    """Append the finished calls, and complete those that were announced, in one statement."""
    if not calls:
        return
    common = asdict(owner) | {"trace_id": trace.current()}
    rows = [asdict(call) | {"created_at": call.started_at} | common for call in calls]
    statement = upsert(ExternalApiCallLog).values(rows)
    completed = {name: statement.excluded[name] for name in _COMPLETED_COLUMNS}
    key = [ExternalApiCallLog.id, ExternalApiCallLog.created_at]
    session.execute(statement.on_conflict_do_update(index_elements=key, set_=completed))
    for call in calls:
        _measure(session, call)


def _measure(session: Session, call: ExternalCall) -> None:
    outcome = "ok" if call.error_category is None else "failed"
    outcome = "throttled" if call.error_category == ErrorCategory.RATE_LIMIT else outcome
    record_on_commit(session, VENDOR_CALLS, Provider=call.provider, Outcome=outcome)
    record_on_commit(session, VENDOR_DURATION, call.duration_ms, Provider=call.provider)
    for direction, tokens in (("input", call.input_tokens), ("output", call.output_tokens)):
        if tokens:
            record_on_commit(session, MODEL_TOKENS, tokens, Direction=direction)
    details = {"provider": call.provider, "operation": call.operation, "status": call.status}
    _logger.debug("vendor call", extra=details | {"duration_ms": call.duration_ms, "category": call.error_category})


@dataclass(frozen=True, slots=True)
class SettledCall:
    """A call whose price is known now, because the vendor's job that it began has ended."""

    analysis_request_id: uuid.UUID
    started_at: datetime
    reserved_usd: Decimal


def settle_job(session: Session, provider: str, job_id: str, *, cost_usd: Decimal) -> Sequence[SettledCall]:
    """Set the price of the call that began a job, once; empty when it has a price or no such call is logged."""
    began = (
        ExternalApiCallLog.provider == provider,
        ExternalApiCallLog.job_id == job_id,
        ExternalApiCallLog.cost_usd.is_(None),
        ExternalApiCallLog.reserved_usd.is_not(None),
    )
    columns = (ExternalApiCallLog.analysis_request_id, ExternalApiCallLog.started_at, ExternalApiCallLog.reserved_usd)
    rows = session.execute(
        update(ExternalApiCallLog).where(*began).values(cost_usd=cost_usd).returning(*columns),
        execution_options={"synchronize_session": False},
    )
    return [SettledCall(owner, at, usd) for owner, at, usd in rows if owner is not None and usd is not None]


def is_job_known(session: Session, provider: str, job_id: str) -> bool:
    """Whether the call that began a job is in the log."""
    is_it = (ExternalApiCallLog.provider == provider, ExternalApiCallLog.job_id == job_id)
    return session.scalar(select(ExternalApiCallLog.id).where(*is_it).limit(1)) is not None


def close_unfinished(session: Session, *, chat_message_id: uuid.UUID, now: datetime) -> None:
    """Close the calls of an answer whose process is gone; what they cost stays unknown, and reserved."""
    unfinished = (
        ExternalApiCallLog.chat_message_id == chat_message_id,
        ExternalApiCallLog.duration_ms.is_(None),
    )
    elapsed_ms = func.greatest(0, func.extract("epoch", now - ExternalApiCallLog.started_at) * 1000)
    session.execute(
        update(ExternalApiCallLog)
        .where(*unfinished)
        .values(duration_ms=cast(elapsed_ms, Integer), error_category=ErrorCategory.TIMEOUT),
        execution_options={"synchronize_session": False},
    )
