"""The database: the declarative base, one engine per process, and a session that commits when its block ends."""

import math
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, DateTime, Engine, MetaData, Text, create_engine, event, func, make_url
from sqlalchemy.engine import URL, Connection, ExceptionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from whyviral.core.postgres.connection_failures import ConnectionFailed
from whyviral.core.postgres.connection_log import ConnectionLog
from whyviral.core.postgres.dialect import DRIVERNAME
from whyviral.core.postgres.url import check_database_url, verified_tls
from whyviral.core.telemetry.catalogue import STATEMENTS_LOST
from whyviral.core.telemetry.metrics import record

STATEMENT_TIMEOUT_MS = 8_000
SOCKET_TIMEOUT_S = 10
_QUOTING_FIELDS = ("D", "W", "q")
"""The fields of an error that may quote rows: detail, context and internal query."""
_DATA_EXCEPTION = "22"
"""The class of errors whose message itself quotes a value: `invalid input syntax for type uuid: "…"`."""
_CANCELED = "57014"
"""A statement that exceeded its time limit."""
_RAISED_BY_OUR_SQL = "exec_stmt_raise"
"""The server routine behind `raise` in our own SQL functions, whose messages quote no values."""
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Base(DeclarativeBase):
    """Base class of every table: strings are `text`, and constraint names follow a convention for migrations."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Identified:
    """Mixin for a UUID primary key made by the database, and the two timestamps that every table has."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


def one_of(column: str, allowed: type[StrEnum]) -> CheckConstraint:
    """Return the check constraint that limits a text column to the values of an enum."""
    values = ", ".join(f"'{member.value}'" for member in allowed)
    return CheckConstraint(f"{column} in ({values})", name=column)


def _split_url(database_url: str) -> tuple[URL, ssl.SSLContext | bool]:
    """Return the driver's URL and its TLS argument: always verified, except on loopback."""
    check_database_url(database_url)
    url = make_url(database_url)
    root_certificate = url.query.get("sslrootcert")
    if isinstance(root_certificate, tuple):
        root_certificate = root_certificate[-1]
    is_local = url.host in _LOOPBACK_HOSTS and root_certificate is None
    tls: ssl.SSLContext | bool = False if is_local else verified_tls(root_certificate)
    return url.set(drivername=DRIVERNAME, query={}), tls


def build_engine(database_url: str, *, pool_size: int = 1, socket_timeout_s: float | None = SOCKET_TIMEOUT_S) -> Engine:
    """Return an engine for Supabase's transaction pooler.

    Args:
        database_url: `postgresql://user:password@host:port/name`, optionally with `?sslrootcert=FILE` (libpq's name)
            for a certificate authority that the system does not know. TLS is verified unless the host is loopback and
            no certificate is named.
        pool_size: the number of connections; 1 on Lambda, where a sandbox serves one request at a time.
        socket_timeout_s: the time limit for one answer of the server. None, for migrations: no limit, and statements
            have none either.

    Raises:
        InvalidDatabaseUrl: the URL cannot work.
    """
    url, tls = _split_url(database_url)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_recycle=300,
        pool_use_lifo=True,
        hide_parameters=True,  # keeps row values out of logged errors
        connect_args={
            "ssl_context": tls,
            "timeout": socket_timeout_s,
            "statement_timeout_ms": None if socket_timeout_s is None else STATEMENT_TIMEOUT_MS,
            "application_name": "whyviral",
            "on_failure": ConnectionLog().record,
        },
    )
    event.listen(engine, "checkout", _roll_back)
    return engine


def _roll_back(connection: Any, *_: object) -> None:
    """End a transaction that an earlier user of the pooled connection left behind."""
    connection.rollback()


@event.listens_for(Engine, "handle_error")
def _on_error(context: ExceptionContext) -> None:
    """Count lost statements, and remove row values from an error, so that not even Lambda's runtime logs them.

    Source: PostgreSQL, "Error and Notice Message Fields"; pg8000 passes them on unchanged.
    """
    error = context.original_exception
    fields = error.args[0] if error.args else None
    sqlstate = str(fields.get("C", "")) if isinstance(fields, dict) else ""
    if sqlstate == _CANCELED or (context.is_disconnect and not isinstance(error, ConnectionFailed)):
        record(STATEMENTS_LOST)
    if not isinstance(fields, dict):
        return
    for name in _QUOTING_FIELDS:
        fields.pop(name, None)
    if sqlstate.startswith(_DATA_EXCEPTION) and fields.get("R") != _RAISED_BY_OUR_SQL:
        fields["M"] = "a value has the wrong format"
    if context.sqlalchemy_exception is not None:  # it already contains the original message
        context.sqlalchemy_exception.args = (f"({type(error).__module__}.{type(error).__name__}) {error}",)


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """Open a session that commits when the block ends and rolls back when it raises."""
    with Session(engine, expire_on_commit=False) as session:
        yield session
        session.commit()


class _ReadingSession(Session):
    """A session whose transactions are read-only until `allow_writes` is called."""

    is_read_only = True


@event.listens_for(_ReadingSession, "after_begin")
def _begin_read_only(session: _ReadingSession, _transaction: object, connection: Connection) -> None:
    if session.is_read_only:
        driver: Any = connection.connection.dbapi_connection  # SQLAlchemy's type lacks our driver's attributes
        driver.read_only()


def reading_session(engine: Engine) -> Session:
    """Return a session for reading: the server refuses writes, and each statement is a transaction of its own."""
    return _ReadingSession(engine, expire_on_commit=False)


def reading_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return a factory of sessions such as `reading_session` returns, for code that opens its sessions itself."""
    return sessionmaker(engine, class_=_ReadingSession, expire_on_commit=False)


def allow_writes(session: Session) -> None:
    """End the open transaction of a session from `reading_session`, and let its next transactions write.

    Does nothing for any other session.
    """
    if isinstance(session, _ReadingSession) and session.is_read_only:
        session.commit()
        session.is_read_only = False


@contextmanager
def single_statement(engine: Engine, *, used_since_mono_s: float = math.inf) -> Iterator[Connection]:
    """Open a connection in autocommit mode: each statement is its own transaction and takes one round trip.

    No statement timeout is set, so a statement is limited by the socket timeout alone.

    Args:
        engine: the database.
        used_since_mono_s: skips the liveness ping for a connection used since then, by `time.monotonic`.
    """
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection  # SQLAlchemy's type lacks our driver's attributes
        # Not isolation_level="AUTOCOMMIT": resetting it sends a plain SET, which leaks through the transaction pooler.
        driver.commit_each(used_since_mono_s=used_since_mono_s)
        try:
            yield connection
        finally:
            driver.autocommit = False
