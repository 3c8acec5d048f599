"""Metrics of work in a transaction: written once, when it commits, however often it is tried."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from .catalogue import Metric
from .metrics import record

_PENDING = "pending_metrics"


def record_on_commit(session: Session, metric: Metric, value: float = 1, **dimensions: str) -> None:
    """Write one value when the session's transaction commits, and none if it is rolled back.

    Call it outside of savepoints.
    """
    session.info.setdefault(_PENDING, []).append((metric, value, dimensions))


@event.listens_for(Session, "after_commit")
def _record_pending(session: Session) -> None:
    if session.in_nested_transaction():  # a savepoint was released; the transaction may still be rolled back
        return
    pending: list[tuple[Metric, float, dict[str, Any]]] = session.info.pop(_PENDING, [])
    for metric, value, dimensions in pending:
        record(metric, value, **dimensions)


@event.listens_for(Session, "after_transaction_end")
def _discard_pending(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_PENDING, None)
