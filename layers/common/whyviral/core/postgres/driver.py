"""The database driver: pg8000's connection with one network round trip per statement, for transaction poolers.

pg8000 sends a statement with parameters as three messages and waits for the server after each. A transaction pooler may
run them on three servers. This driver sends Parse, Bind, Describe, Execute and one Sync in a single flush.

Statements that open a transaction or a savepoint have no result, so they are deferred and sent with the next statement.
While a connection is read-only, each flush also carries the commit, so that reading never leaves a transaction open.
"""

import errno
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from struct import Struct
from typing import Any

from pg8000 import legacy
from pg8000.converters import make_params
from pg8000.core import Context
from pg8000.exceptions import DatabaseError, InterfaceError

from whyviral.core.postgres.wire_messages import SYNC, TERMINATE, query, run, run_plain

from .column_values import PARSERS
from .connection_failures import ConnectionFailed, Failure, explain

_READY = b"Z"
_NULL_LENGTH = -1
_MAX_DESCRIPTIONS = 500
_UNACKNOWLEDGED_MS = 5_000
"""A peer that acknowledges no data for this long is unreachable; a slow one still acknowledges at once."""
_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)
"""None except on Linux."""
_header = Struct("!ci").unpack
_length = Struct("!i").unpack_from
_SQLSTATE_INVALID_AUTHORIZATION = "28000"
_SQLSTATE_UNIQUE_VIOLATION = "23505"


class Connection(legacy.Connection):  # type: ignore[misc] # pg8000 has no types
    """A connection that begins its own transactions and reconnects when its socket proves broken.

    The first statement of a transaction is also the liveness check: if the network fails during it, the driver
    reconnects and sends it again. This is safe because nothing has been committed by then, and because a transaction
    pooler keeps no session state that could be lost.
    """

    pg_types: dict[int, Callable[[str], Any]]
    py_types: dict[Any, Callable[[Any], str | None]]
    _sock: Any
    _usock: Any
    _transaction_status: bytes | None

    def __init__(
        self,
        user: str,
        *,
        host: str,
        port: int = 5432,
        timeout: float | None = None,
        statement_timeout_ms: int | None = None,
        on_failure: Callable[[Failure | None], None] = lambda _failure: None,
        **options: Any,
    ) -> None:
        """Connect.

        Args:
            user: the login role.
            host: the host of the server or its pooler.
            port: the port of the server or its pooler.
            timeout: the time limit in seconds for connecting, and for each answer.
            statement_timeout_ms: the server's time limit for a statement in a transaction; None: no limit.
            on_failure: called with the reason when a connection fails, and with None when one succeeds.
            options: passed to pg8000: `database`, `password`, `ssl_context`, `application_name`.

        Raises:
            ConnectionFailed: no connection; the message says why and what to do.
        """
        self._address = (host, port)
        self._timeout_s = timeout
        self._options = {"user": user, "host": host, "port": port, **options}
        self._on_failure = on_failure
        # SET LOCAL only: a plain SET leaks to other clients of the transaction pooler.
        limit = [] if statement_timeout_ms is None else [f"set local statement_timeout = {statement_timeout_ms:d}"]
        self._begin_statements = ["begin", *limit]
        self._begin_read_only_statements = ["begin read only", *limit]
        self._is_read_only = False
        self._deferred: list[str] = []
        self._descriptions: dict[bytes, tuple[list[dict[str, Any]], list[Callable[[str], Any]]]] = {}
        self.autocommit = False
        self.used_at_mono_s = 0.0
        self._needs_ping = False
        self._may_reconnect = False
        self._connect()
        self.pg_types.update(PARSERS)

    def _connect(self) -> None:
        sock: socket.socket | None = None
        try:
            sock = self._open_socket()
            super().__init__(sock=sock, **self._options)
        except (OSError, DatabaseError, InterfaceError) as exc:
            if sock is not None:
                sock.close()
            self._sock = self._usock = None
            failure = explain(exc)
            self._on_failure(failure)
            raise ConnectionFailed(failure) from exc
        self._on_failure(None)
        self._may_reconnect = False
        self.used_at_mono_s = time.monotonic()

    def _open_socket(self) -> socket.socket:
        sock = socket.create_connection(self._address, self._timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if _TCP_USER_TIMEOUT is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        return sock

    def _reconnect(self) -> None:
        types, adapters, autocommit = self.pg_types, self.py_types, self.autocommit
        self._abandon()
        self._connect()
        self.pg_types, self.py_types, self.autocommit = types, adapters, autocommit

    def _abandon(self) -> None:
        """Close the socket without a Terminate message: the server may be gone, or in the middle of an answer."""
        file, sock = self._sock, self._usock
        self._sock = self._usock = None
        self._transaction_status = None
        self._deferred.clear()
        if sock is None:
            return
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)  # so that closing the file does not block on flushing its buffer
        for end in (file, sock):
            with suppress(OSError, ValueError):
                end.close()

    def cursor(self) -> "Cursor":
        """Return a cursor."""
        return Cursor(self)

    def close(self) -> None:
        """Send Terminate and close the socket; does nothing if the connection is already closed or broken."""
        if self._sock is not None:
            with suppress(OSError, ValueError):
                self._sock.write(TERMINATE)
                self._sock.flush()
        self._abandon()

    def defer(self, statement: str) -> None:
        """Queue a statement that has no result, such as SAVEPOINT, to be sent with the next statement."""
        self._deferred.append(statement)

    def read_only(self) -> None:
        """Make each statement a read-only transaction of its own, until `commit` or `rollback` is called.

        At the isolation level READ COMMITTED, each statement has its own snapshot in a shared transaction, too.
        A transaction with a savepoint is not ended before `commit`.
        """
        self._is_read_only = True

    def commit_each(self, *, used_since_mono_s: float) -> None:
        """Make each statement its own transaction, until `autocommit` is set to False.

        Args:
            used_since_mono_s: a connection that was not used since then, by `time.monotonic`, is pinged before the
                next statement, because that statement must not be sent twice.
        """
        self.autocommit = True
        self._needs_ping = self.used_at_mono_s < used_since_mono_s

    def _ping(self) -> None:
        try:
            self._exchange(query("select 1"), Context("select 1"))
        except (InterfaceError, DatabaseError):
            self._reconnect()

    def commit(self) -> None:
        """Commit in one round trip, or in none if no transaction is open."""
        self._is_read_only = False
        if self._sock is None:
            raise InterfaceError("connection is closed")
        if self._in_transaction:
            self.execute_simple("commit")
        self._deferred.clear()

    def rollback(self) -> None:
        """Roll back in one round trip, or in none if no transaction is open."""
        self._is_read_only = False
        self._deferred.clear()
        if self._in_transaction:
            self.execute_simple("rollback")
        self._may_reconnect = True  # no transaction is open any more, so a reconnect loses nothing

    def execute_simple(self, statement: str) -> Context:
        """Run SQL without parameters."""
        before, after, is_first = self._take_surroundings()
        sql = ";".join([*before, statement, *after])
        return self._send(query(sql), statement, is_first=is_first)

    def execute_unnamed(
        self, statement: str, vals: Sequence[Any] = (), oids: Sequence[int] = (), stream: Any = None
    ) -> Context:
        """Run one statement with parameters `$1`, `$2`, and so on, in one flush; COPY uses pg8000's own exchange."""
        before, after, is_first = self._take_surroundings()
        if stream is not None:
            if before:
                self._send(query(";".join(before)), before[0], is_first=is_first)
            return super().execute_unnamed(statement, vals=vals, oids=oids, stream=stream)
        main = run(statement, make_params(self.py_types, vals), oids, describe=True)
        messages = [*map(run_plain, before), main, *map(run_plain, after), SYNC]
        return self._send(b"".join(messages), statement, is_first=is_first)

    def _take_surroundings(self) -> tuple[list[str], list[str], bool]:
        """Return the statements to send before and after the next one, and whether that one begins a transaction."""
        is_first = not self._in_transaction and not self.autocommit
        begin = self._begin_read_only_statements if self._is_read_only else self._begin_statements
        before = [*begin, *self._deferred] if is_first else [*self._deferred]
        after = ["commit"] if is_first and self._is_read_only and not self._deferred else []
        self._deferred.clear()
        return before, after, is_first

    def _send(self, messages: bytes, statement: str, *, is_first: bool) -> Context:
        if self._sock is None and self._may_reconnect:
            self._reconnect()
        if self._needs_ping:
            self._needs_ping = False
            self._ping()
        try:
            return self._exchange(messages, Context(statement))
        except InterfaceError as exc:
            if not is_first or not _is_peer_gone(exc.__cause__):
                raise
        self._reconnect()
        return self._exchange(messages, Context(statement))

    def _exchange(self, messages: bytes, context: Context) -> Context:
        """Send messages and read the answer; a failure in between closes the socket, so no half-read answer remains."""
        if self._sock is None:
            raise InterfaceError("connection is closed")
        self._may_reconnect = False
        try:
            self._sock.write(messages)
            self._sock.flush()
            self._read_answer(context)
        except OSError as exc:
            self._abandon()
            raise InterfaceError("network error") from exc
        except BaseException:
            self._abandon()
            raise
        self.used_at_mono_s = time.monotonic()
        if context.error is not None:
            raise context.error
        return context

    def handle_messages(self, context: Context) -> None:
        """Read one answer; pg8000 calls this for COPY."""
        self._read_answer(context)
        if context.error is not None:
            raise context.error

    def _read_answer(self, context: Context) -> None:
        read, handlers = self._sock.read, self.message_types
        code = None
        while code != _READY:
            code, length = _header(_exactly(read, 5))
            handlers[code](_exactly(read, length - 4), context)

    def handle_ROW_DESCRIPTION(self, data: bytes, context: Context) -> None:  # noqa: N802 - pg8000's name
        """Parse the columns of a result; equal descriptions are parsed once and cached."""
        known = self._descriptions.get(data)
        if known is None:
            super().handle_ROW_DESCRIPTION(data, context)
            if len(self._descriptions) >= _MAX_DESCRIPTIONS:
                self._descriptions.clear()
            self._descriptions[data] = (context.columns, context.input_funcs)
            return
        context.columns, context.input_funcs = known
        if context.rows is None:
            context.rows = []

    def handle_DATA_ROW(self, data: bytes, context: Context) -> None:  # noqa: N802 - pg8000's name
        """Parse a row."""
        at = 2
        row: list[Any] = []
        for parse in context.input_funcs:
            (length,) = _length(data, at)
            at += 4
            if length == _NULL_LENGTH:
                row.append(None)
                continue
            end = at + length
            row.append(parse(data[at:end].decode()))
            at = end
        context.rows.append(row)


class Cursor(legacy.Cursor):  # type: ignore[misc] # pg8000 has no types
    """A cursor for statements with the server's native placeholders: `$1`, `$2`, and so on."""

    _input_oids: Sequence[int]

    def execute(self, operation: str, args: Sequence[Any] = (), stream: Any = None) -> "Cursor":
        """Run a statement, which begins a transaction unless the connection is in autocommit mode."""
        connection = self._c
        if connection is None:
            raise InterfaceError("Cursor closed")
        oids, self._input_oids = self._input_oids, ()
        try:
            if args or stream is not None:
                self._context = connection.execute_unnamed(operation, args, oids, stream)
            else:
                self._context = connection.execute_simple(operation)
        except DatabaseError as exc:
            raise _specific(exc) from exc
        self._row_iter = iter(self._context.rows or ())
        return self


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = read(size)
    if len(data) < size:
        raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection")
    return data


def _is_peer_gone(exc: BaseException | None) -> bool:
    """Whether the connection itself failed; a read timeout has no error number."""
    return isinstance(exc, OSError) and exc.errno is not None


def _specific(exc: DatabaseError) -> Exception:
    """Return the DBAPI exception for a server error, by the same rules as pg8000."""
    fields = exc.args[0]
    code = fields.get("C") if isinstance(fields, dict) else None
    if code == _SQLSTATE_INVALID_AUTHORIZATION:
        return InterfaceError(fields)  # type: ignore[no-any-return] # pg8000 has no types
    if code == _SQLSTATE_UNIQUE_VIOLATION:
        return legacy.IntegrityError(fields)  # type: ignore[no-any-return] # pg8000 has no types
    return legacy.ProgrammingError(fields)  # type: ignore[no-any-return] # pg8000 has no types
