"""A connection that detects an answer while the request is still being sent.

A server may refuse an upload after its headers, answer at once and stop reading. A client that only writes then waits
for its timeout, and reports the timeout instead of the refusal.
"""

import select
import socket
import ssl
from collections.abc import Iterable

import httpcore

_READ_BYTES = 64 * 1024
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_INTERIM = b"HTTP/1.1 1"
"""The start of an interim answer, such as `100 Continue`, which the final answer follows. Source: RFC 9110, 15.2."""
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class DuplexNetwork(httpcore.NetworkBackend):
    """Connects as httpcore does by default, and returns `DuplexStream`s."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host."""
        return DuplexStream(self._sockets.connect_tcp(host, port, timeout, local_address, socket_options))


class DuplexStream(httpcore.NetworkStream):
    """A stream whose write fails with a `WriteError` when an answer arrives, so that httpcore reads that answer."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        """Wrap a connection of httpcore's own backend.

        Args:
            stream: the connection. If it hides its socket, as TLS inside TLS does, writes are passed on unchanged.
        """
        self._stream = stream
        connection = stream.get_extra_info("socket")
        is_whole = isinstance(connection, ssl.SSLSocket) or stream.get_extra_info("ssl_object") is None
        self._socket: socket.socket | None = connection if is_whole else None
        self._received = bytearray()
        self._has_ended = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the bytes that arrived during a write, else read from the connection."""
        if self._received:
            piece = bytes(self._received[:max_bytes])
            del self._received[:max_bytes]
            return piece
        return b"" if self._has_ended else self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`, unless an answer arrives first.

        Args:
            buffer: the bytes to send.
            timeout: the longest time in seconds without progress.

        Raises:
            httpcore.WriteError: an answer has arrived, or the connection is closed or broken.
            httpcore.WriteTimeout: the server accepted no data in time.
        """
        if self._socket is None:
            self._stream.write(buffer, timeout)
            return
        try:
            self._socket.settimeout(0)
            self._write(self._socket, memoryview(buffer), timeout)
        except OSError as exc:
            raise httpcore.WriteError(exc) from exc

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the same connection under TLS."""
        return DuplexStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        """Return the information of the wrapped connection."""
        return self._stream.get_extra_info(info)

    def _write(self, connection: socket.socket, rest: memoryview, timeout: float | None) -> None:
        poll = select.poll()
        poll.register(connection, _READABLE)
        wait_ms: float | None = 0  # poll without waiting first: an answer may have arrived already
        while rest:
            events = poll.poll(wait_ms)
            if not events and wait_ms != 0:
                raise httpcore.WriteTimeout("the server accepts no more data")
            if events and events[0][1] & _READABLE and self._has_answer(connection):
                raise httpcore.WriteError("the server has answered before the end of the request")
            try:
                rest = rest[connection.send(rest) :]
            except _WOULD_BLOCK as exc:
                # TLS may have to read before it can continue to write.
                waits_to_read = isinstance(exc, ssl.SSLWantReadError)
                poll.modify(connection, _READABLE if waits_to_read else _READABLE | select.POLLOUT)
                wait_ms = None if timeout is None else max(1.0, timeout * 1000)
            else:
                poll.modify(connection, _READABLE)
                wait_ms = 0

    def _has_answer(self, connection: socket.socket) -> bool:
        """Read the bytes that have arrived; under TLS these may be no content at all, such as a session ticket."""
        try:
            piece = connection.recv(_READ_BYTES)
        except _WOULD_BLOCK:
            return False
        self._received += piece
        self._has_ended = not piece
        return self._has_ended or not self._received.startswith(_INTERIM)
