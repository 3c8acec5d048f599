"""A deadline for a whole HTTP exchange, which limits every wait on the network.

The timeouts of HTTP clients apply to one step, such as connecting or reading the next piece of a body. A server that
sends a byte now and then, or is slow at every step, never exceeds them.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpcore
import httpx

from whyviral.integrations.http.duplex_stream import DuplexNetwork

_EXPIRED_TIMEOUT_S = 0.001
"""The timeout of a step after the deadline: not 0, so that the step fails with its own timeout error."""
_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)


@contextmanager
def ends_by(ends_at: float) -> Iterator[None]:
    """Limit every wait of a `TimedNetwork` in this block to `ends_at`, a time of `time.monotonic`."""
    token = _ends_at.set(ends_at)
    try:
        yield
    finally:
        _ends_at.reset(token)


def timed_client(*, trust_env: bool) -> httpx.Client:
    """Return an HTTP client that obeys `ends_by`; through a proxy from the environment only httpx's timeouts apply."""
    context = httpx.create_ssl_context(trust_env=trust_env)
    # Passed as a mount, because httpx ignores the environment's proxies if it is given a transport.
    return httpx.Client(
        follow_redirects=False, trust_env=trust_env, verify=context, mounts={"all://": _TimedTransport(context)}
    )


class _TimedTransport(httpx.HTTPTransport):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context)
        # httpx has no option for the network backend of its pool, so the pool is replaced.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, network_backend=TimedNetwork(), max_connections=100, max_keepalive_connections=20
        )


class TimedNetwork(httpcore.NetworkBackend):
    """Connects as the wrapped backend does, and limits every wait to the deadline of `ends_by`."""

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
    left_s = max(_EXPIRED_TIMEOUT_S, ends_at - time.monotonic())
    return left_s if timeout is None else min(left_s, timeout)
