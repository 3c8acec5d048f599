"""The exceptions of statements: which of them mean that the database does not answer."""

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

DATABASE_ERRORS = (DBAPIError, PoolTimeoutError, TimeoutError, ConnectionError)
"""The exceptions that a statement can raise. The driver does not wrap some errors of its socket."""
_UNAVAILABLE_SQLSTATES = ("08", "53", "57", "XX")
"""Connection lost, out of resources, canceled by an operator or the statement timeout, internal error of the pooler."""


def is_unavailable(exc: Exception) -> bool:
    """Return whether an error of a statement means that the database does not answer."""
    # The driver's classes are coarse: nearly every error from the server is a DatabaseError. Source: pg8000, core.py.
    if not isinstance(exc, DBAPIError) or isinstance(exc, InterfaceError):
        return True
    return (sqlstate(exc) or "").startswith(_UNAVAILABLE_SQLSTATES)


def sqlstate(exc: BaseException) -> str | None:
    """Return the SQLSTATE of a database error; None if the server sent none."""
    fields = exc.orig.args[0] if isinstance(exc, DBAPIError) and exc.orig and exc.orig.args else None
    return fields.get("C") if isinstance(fields, dict) else None
