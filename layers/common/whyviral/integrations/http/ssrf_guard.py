"""HTTP for URLs chosen by third parties: connects to public hosts only, within a deadline (an SSRF guard).

Callers check the host name of a URL, but a name may resolve to any address. Therefore this client resolves the name
once, checks the addresses, and connects to exactly those, so that a second DNS answer has no effect. TLS is verified
against the name. Redirects, cookies, compression and the environment's proxies are not used.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue

import httpcore

_CONNECT_TIMEOUT_S = 5.0
_SILENCE_TIMEOUT_S = 10.0
_ANY_PORT = 443
_NO_ADDRESS = "the host has no address"
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "Mozilla/5.0 (compatible; whyviral)"}
# Addresses that Python calls global but that may reach private hosts: they embed another address, or used to be
# private. Source: IANA IPv6 special-purpose address registry; RFC 3068 for relays of 6to4; RFC 3879 for fec0::/10.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "::/96",
        "::ffff:0:0/96",
        "fec0::/10",
        "192.88.99.0/24",
    )
)

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Resolve = Callable[[str, int], Sequence[str]]


class FetchFailed(Exception):
    """The exchange failed."""


class AddressRefused(FetchFailed):
    """The host resolves to an address that is not allowed."""


class FetchTooLate(FetchFailed):
    """The exchange timed out."""


class HostUnreachable(FetchFailed):
    """The host could not be resolved or reached, or dropped the connection."""


@dataclass(frozen=True, slots=True)
class GuardedAnswer:
    """The status and headers of an answer; the undecoded body is read from `pieces`."""

    status: int
    headers: Mapping[str, str]
    """The values by lower-case name; the last value of a repeated header."""
    pieces: Iterator[bytes]


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet."""
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    is_listed = any(address.version == network.version and address in network for network in _NOT_PUBLIC)
    return address.is_global and not is_special and not address.is_link_local and not is_listed


def is_loopback(address: Address) -> bool:
    """Whether the address is on this machine, where stand-ins run."""
    return address.is_loopback


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, from the system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedHttp:
    """An HTTP client that connects only to hosts whose addresses are allowed."""

    def __init__(self, *, allows: Callable[[Address], bool] = is_public, resolve: Resolve = resolve) -> None:
        self._allows = allows
        self._resolve = resolve

    def get(self, url: str, *, ends_at: float) -> AbstractContextManager[GuardedAnswer]:
        """Send a GET request and yield the answer, whose body is read inside the block.

        Args:
            url: the URL, which is untrusted.
            ends_at: the deadline of the whole exchange, by `time.monotonic`.

        Raises:
            FetchFailed: the exchange failed, either before the answer or while the body was read.
        """
        return self._exchange("GET", url, _HEADERS, None, ends_at=ends_at)

    def post(
        self, url: str, content: bytes, headers: Mapping[str, str], *, ends_at: float
    ) -> AbstractContextManager[GuardedAnswer]:
        """Send a POST request and yield the answer; see `get`."""
        return self._exchange("POST", url, headers, content, ends_at=ends_at)

    def check_host(self, url: str, *, ends_at: float) -> None:
        """Resolve the host of a URL and check its addresses, as a request does before it connects.

        Raises:
            FetchFailed: the host has no address, or one that is not allowed.
        """
        host = _parsed(url).host.decode("ascii")
        # The port does not change the addresses.
        if not _Network(self._allows, self._resolve, ends_at=ends_at).addresses(host, _ANY_PORT):
            raise HostUnreachable(_NO_ADDRESS)

    @contextmanager
    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, *, ends_at: float
    ) -> Iterator[GuardedAnswer]:
        target = _parsed(url)
        network = _Network(self._allows, self._resolve, ends_at=ends_at)
        timeout = {"connect": _CONNECT_TIMEOUT_S, "read": _SILENCE_TIMEOUT_S, "write": _SILENCE_TIMEOUT_S}
        with (
            _fetch_errors(),
            httpcore.ConnectionPool(ssl_context=_tls(), network_backend=network, max_keepalive_connections=0) as pool,
            pool.stream(
                method, target, headers=list(headers.items()), content=content, extensions={"timeout": timeout}
            ) as response,
        ):
            answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            yield GuardedAnswer(response.status, answered, response.iter_stream())


class _Network(httpcore.NetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, allows: Callable[[Address], bool], resolve: Resolve, *, ends_at: float) -> None:
        self._allows = allows
        self._resolve = resolve
        self._ends_at = ends_at
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = HostUnreachable(_NO_ADDRESS)
        for address in self.addresses(host, port):
            left_s = _left_s(self._ends_at, at_most=timeout)
            try:
                stream = self._sockets.connect_tcp(address, port, left_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
            else:
                return _Stream(stream, ends_at=self._ends_at)
        raise failure

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the host's addresses; a single forbidden one refuses them all, since only an attacker mixes them."""
        try:
            found = _in_time(
                lambda: self._resolve(host, port), timeout_s=_left_s(self._ends_at, at_most=_CONNECT_TIMEOUT_S)
            )
            addresses = [ipaddress.ip_address(text) for text in found]
        except (OSError, ValueError) as exc:  # getaddrinfo raises ValueError for a name that it cannot encode
            raise HostUnreachable(_NO_ADDRESS) from exc
        if not all(map(self._allows, addresses)):
            raise AddressRefused("the host resolves to an address that is not allowed")
        return [str(address) for address in addresses]


class _Stream(httpcore.NetworkStream):
    """A connection with one deadline for all waits, because a host that keeps sending single bytes never times out."""

    def __init__(self, stream: httpcore.NetworkStream, *, ends_at: float) -> None:
        self._stream = stream
        self._ends_at = ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left_s(self._ends_at, at_most=timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left_s(self._ends_at, at_most=timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            left_s = _left_s(self._ends_at, at_most=timeout)
        except FetchTooLate:
            self._stream.close()  # no caller has a reference to this connection yet
            raise
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left_s), ends_at=self._ends_at)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _parsed(url: str) -> httpcore.URL:
    try:
        return httpcore.URL(url)
    except (TypeError, ValueError) as exc:  # non-ASCII letters, brackets without an address, or an invalid port
        raise HostUnreachable("the address is not a URL") from exc


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left_s(ends_at: float, *, at_most: float | None) -> float:
    left_s = ends_at - time.monotonic()
    if left_s <= 0:
        raise FetchTooLate("the exchange took too long")
    return left_s if at_most is None else min(left_s, at_most)


def _in_time(look_up: Callable[[], Sequence[str]], *, timeout_s: float) -> Sequence[str]:
    """Run `look_up` with a timeout, because the system's resolver has no timeout that could be set per call."""
    results: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

    def run() -> None:
        try:
            results.put(look_up())
        except (OSError, ValueError) as exc:
            results.put(exc)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        found = results.get(timeout=timeout_s)
    except Empty:
        raise FetchTooLate("the name server did not answer in time") from None
    if isinstance(found, Exception):
        raise found
    return found


@contextmanager
def _fetch_errors() -> Iterator[None]:
    try:
        yield
    except (httpcore.TimeoutException, TimeoutError) as exc:
        raise FetchTooLate("the host did not answer in time") from exc
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, ssl.SSLError) as exc:
        raise HostUnreachable("the host could not be reached") from exc
