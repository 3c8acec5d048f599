"""The SQLAlchemy dialect for our driver: native placeholders, and savepoints that cost no round trip."""

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGIdentifierPreparer
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000
from sqlalchemy.engine import Connection as EngineConnection

from whyviral.core.postgres.driver import Connection

from .connection_failures import ConnectionFailed

DRIVERNAME = "postgresql+whyviral"


class Dialect(PGDialect_pg8000):
    """The PostgreSQL dialect that connects with `driver.Connection`."""

    driver = "whyviral"
    supports_statement_cache = True
    statement_compiler = PGCompiler  # type: ignore[assignment] # pg8000's differs in placeholders
    preparer = PGIdentifierPreparer  # type: ignore[assignment] # likewise

    def __init__(self, **options: Any) -> None:
        # `$1` is the server's own syntax, so no code scans a statement for placeholders before it is sent.
        super().__init__(paramstyle="numeric_dollar", **options)  # type: ignore[no-untyped-call] # SQLAlchemy's

    def connect(self, *args: Any, **options: Any) -> Any:
        """Open a connection."""
        return Connection(*args, **options)

    def is_disconnect(self, e: Exception, connection: Any, cursor: Any) -> bool:
        """Whether an error means that the connection is broken."""
        if isinstance(e, ConnectionFailed):
            return True
        return bool(super().is_disconnect(e, connection, cursor))  # type: ignore[no-untyped-call] # SQLAlchemy's

    def do_savepoint(self, connection: EngineConnection, name: str) -> None:
        """Queue a savepoint, which is sent with the next statement."""
        _driver_of(connection).defer(f"savepoint {name}")

    def do_release_savepoint(self, connection: EngineConnection, name: str) -> None:
        """Queue the release of a savepoint, which is sent with the next statement."""
        _driver_of(connection).defer(f"release savepoint {name}")


def _driver_of(connection: EngineConnection) -> Connection:
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, Connection):
        raise TypeError("the dialect is used with a connection that is not its own")
    return driver


registry.register("postgresql.whyviral", __name__, Dialect.__name__)
