"""The database: the declarative base, one engine a process, and a session that commits when its block ends."""

import math
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar

from pg8000.exceptions import Error as DriverError
from sqlalchemy import CheckConstraint, DateTime, Engine, MetaData, Text, create_engine, event, func, make_url
from sqlalchemy.engine import URL, Connection, ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, SessionTransaction, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry, Pool

STATEMENT_TIMEOUT_MS = 8_000
SOCKET_TIMEOUT_S = 10
_QUOTING_FIELDS = ("D", "W", "q")
"""Detail, context and internal query."""
_DATA_EXCEPTION = "22"
"""The class of errors whose message itself quotes a value: `invalid input syntax for type uuid: "…"`."""
_OWN_WORDS = "exec_stmt_raise"
"""The server's routine that raises what a function of ours says, which quotes nothing."""
_LIMIT_STATEMENTS = f"select set_config('statement_timeout', '{STATEMENT_TIMEOUT_MS}', true)"
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_trusted_since: ContextVar[float] = ContextVar("trusted_since", default=math.inf)
"""By `time.monotonic`; nothing is trusted where nobody has said so."""


class Base(DeclarativeBase):
    """Base of every table: strings are `text`, and constraint names are derived, so that migrations can name them."""

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
    """A row with a UUID made by the database and the two times every table has."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


def one_of(column: str, allowed: type[StrEnum]) -> CheckConstraint:
    """Return the check that keeps a text column within an enum."""
    values = ", ".join(f"'{member.value}'" for member in allowed)
    return CheckConstraint(f"{column} in ({values})", name=column)


@cache
def _verified_tls(root_certificate: str | None) -> ssl.SSLContext:
    # One context a process: building it costs 25 ms and pg8000 would build one for every connection.
    return ssl.create_default_context(cafile=root_certificate)


def _split_url(database_url: str) -> tuple[URL, ssl.SSLContext | bool]:
    """Return the driver's URL and its TLS argument: always verified, except on this very machine."""
    url = make_url(database_url)
    root_certificate = url.query.get("sslrootcert")
    if isinstance(root_certificate, tuple):
        root_certificate = root_certificate[-1]
    tls: ssl.SSLContext | bool = False
    if url.host not in _LOOPBACK_HOSTS:
        tls = _verified_tls(root_certificate)
    return url.set(drivername="postgresql+pg8000", query={}), tls


def build_engine(database_url: str, *, pool_size: int = 1, socket_timeout_s: float | None = SOCKET_TIMEOUT_S) -> Engine:
    """Return an engine for Supabase's transaction pooler.

    Args:
        database_url: `postgresql://user:password@host:port/name`, optionally with `?sslrootcert=FILE` (libpq's name)
            for a certificate authority that the system does not know. TLS is verified unless the host is loopback.
        pool_size: connections kept; 1 on Lambda, where a sandbox serves one request at a time.
        socket_timeout_s: how long one answer of the server may take; None, for migrations, is as long as it takes.
    """
    url, tls = _split_url(database_url)
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_recycle=300,
        pool_use_lifo=True,
        hide_parameters=True,  # an error that is logged quotes no row
        connect_args={"ssl_context": tls, "timeout": socket_timeout_s, "application_name": "whyviral"},
    )


def skip_pings_for_connections_used_since_now() -> None:
    """Ask no connection whether it lives that was used after this, in this context: a request, say.

    Connections die while nobody uses them, above all while a sandbox is frozen, which it is only between requests.
    """
    _trusted_since.set(time.monotonic())


@event.listens_for(Pool, "connect")
@event.listens_for(Pool, "checkin")
def _note_use(_dbapi_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["used_at"] = time.monotonic()


@event.listens_for(Pool, "checkout")
def _ask_whether_it_lives(dbapi_connection: Any, entry: ConnectionPoolEntry, _: Any) -> None:
    """Replace a connection that has died since it was used; SQLAlchemy's own `pool_pre_ping` asks every time.

    It also leaves a transaction open behind its question, as pg8000's cursors begin one.
    """
    if entry.info["used_at"] >= _trusted_since.get():
        return
    try:
        dbapi_connection.execute_simple("select 1")
    except (DriverError, OSError) as exc:
        raise InvalidatePoolError from exc  # connects anew; the others are likely to be dead, too


@event.listens_for(Engine, "handle_error")
def _forget_values(context: ExceptionContext) -> None:
    """Drop from an error what quotes rows, so that whoever logs it, such as Lambda's runtime, quotes none.

    Source: PostgreSQL, "Error and Notice Message Fields"; pg8000 gives them as they come.
    """
    error = context.original_exception
    fields = error.args[0] if error.args else None
    if not isinstance(fields, dict):
        return
    for name in _QUOTING_FIELDS:
        fields.pop(name, None)
    if str(fields.get("C", "")).startswith(_DATA_EXCEPTION) and fields.get("R") != _OWN_WORDS:
        fields["M"] = "a value has the wrong form"
    if context.sqlalchemy_exception is not None:  # has been given the message before
        context.sqlalchemy_exception.args = (f"({type(error).__module__}.{type(error).__name__}) {error}",)


@event.listens_for(Session, "after_begin")
def _limit_statements(_session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    # SET LOCAL only: anything else leaks to other clients of the transaction pooler.
    connection.exec_driver_sql(_LIMIT_STATEMENTS)


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """Open a session that commits when the block ends and rolls back when it raises."""
    with Session(engine, expire_on_commit=False) as session:
        yield session
        session.commit()


@contextmanager
def single_statement(engine: Engine) -> Iterator[Connection]:
    """Open a connection on which each statement is a transaction of its own: one message instead of three.

    It ends with the socket's timeout at the latest: no statement timeout is set.
    """
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection  # SQLAlchemy's type knows no attribute of pg8000's
        # Not isolation_level="AUTOCOMMIT": undoing it sends a plain SET, which leaks through the transaction pooler.
        driver.autocommit = True
        try:
            yield connection
        finally:
            driver.autocommit = False
