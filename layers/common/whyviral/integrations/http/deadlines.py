"""A time by which an exchange has ended, whatever its server does: it bounds each wait on the network.

The timeouts of HTTP clients are for one step, such as connecting, or the next piece of a head or a body: a server that
sends a byte now and then, or is slow at every step, never meets them.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpcore
import httpx

from whyviral.integrations.http.duplex_stream import DuplexNetwork

_MOMENT_S = 0.001
"""What an exchange gets whose time is over, so that it ends with the timeout of the step in which it is."""
_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)


@contextmanager
def ends_by(ends_at: float) -> Iterator[None]:
    """End every wait of a `TimedNetwork` in this block by `ends_at`, a time of `time.monotonic`."""
    token = _ends_at.set(ends_at)
    try:
        yield
    finally:
        _ends_at.reset(token)


def timed_client(*, trust_env: bool) -> httpx.Client:
    """Return an HTTP client that heeds `ends_by`; through a proxy of the environment only its own timeouts count."""
    context = httpx.create_ssl_context(trust_env=trust_env)
    # As a mount, since a transport given as such would silence the proxies of the environment.
    return httpx.Client(
        follow_redirects=False, trust_env=trust_env, verify=context, mounts={"all://": _TimedTransport(context)}
    )


class _TimedTransport(httpx.HTTPTransport):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context)
        # httpx lets nobody choose the network of the pool that it makes.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, network_backend=TimedNetwork(), max_connections=100, max_keepalive_connections=20
        )


class TimedNetwork(httpcore.NetworkBackend):
    """Connects as usual, and heeds `ends_by`."""

    def __init__(self, sockets: httpcore.NetworkBackend | None = None) -> None:
        self._sockets = sockets or DuplexNetwork()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host."""
        return _TimedStream(self._sockets.connect_tcp(host, port, _left_s(timeout), local_address, socket_options))


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left_s(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, _left_s(timeout)))

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _left_s(timeout: float | None) -> float | None:
    ends_at = _ends_at.get()
    if ends_at is None:
        return timeout
    left_s = max(_MOMENT_S, ends_at - time.monotonic())
    return left_s if timeout is None else min(left_s, timeout)
