"""Batched deletes: many rows are deleted a few at a time, so that no statement holds locks for long."""

from sqlalchemy import ColumnElement, delete, inspect, select, tuple_
from sqlalchemy.orm import Session

from .database import Base


def delete_batch(session: Session, model: type[Base], condition: ColumnElement[bool], *, limit: int) -> int:
    """Delete at most `limit` rows that match the condition, in one statement, and return the number deleted."""
    key = inspect(model).primary_key
    batch = select(*key).where(condition).limit(limit)
    # Runs on the connection: the session holds none of these rows, and only a connection returns the row count.
    return session.connection().execute(delete(model).where(tuple_(*key).in_(batch))).rowcount
