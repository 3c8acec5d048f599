"""Deleting many rows a few at a time, so that no statement holds locks for long."""

from sqlalchemy import ColumnElement, delete, inspect, select, tuple_
from sqlalchemy.orm import Session

from .database import Base


def delete_batch(session: Session, model: type[Base], condition: ColumnElement[bool], *, limit: int) -> int:
    """Delete at most `limit` rows for which the condition holds, in one statement; return how many there were."""
    key = inspect(model).primary_key
    chosen = select(*key).where(condition).limit(limit)
    # On the connection: the session holds none of these rows, and only a connection says how many went.
    return session.connection().execute(delete(model).where(tuple_(*key).in_(chosen))).rowcount
