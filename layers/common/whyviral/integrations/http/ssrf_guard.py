"""GET of an address that somebody else has chosen: it can only lead to a public host, and it ends in time.

A URL is judged by its name before this, but a name may lead anywhere. Therefore the address is looked up here, judged,
and connected to as it was judged: a second answer of the name server has no say. TLS is verified against the name.
Nothing is followed, remembered, decoded or taken from the environment: no redirects, cookies, compression or proxies.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue

import httpcore

_CONNECT_TIMEOUT_S = 5.0
_SILENCE_TIMEOUT_S = 10.0
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "Mozilla/5.0 (compatible; whyviral)"}
# Addresses that Python calls global: those that carry another one inside, which may be private, and those that were
# private once. Source: IANA IPv6 special-purpose address registry; RFC 3068 for relays of 6to4; RFC 3879 for fec0::/10.
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
    """The exchange gave no answer."""


class AddressRefused(FetchFailed):
    """The name leads to an address where nothing may be fetched."""


class FetchTooLate(FetchFailed):
    """The time for the exchange is over."""


class HostUnreachable(FetchFailed):
    """The host could not be found or reached, or broke off."""


@dataclass(frozen=True, slots=True)
class GuardedAnswer:
    """The head of an answer; the body is read from `pieces`, as it was sent."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; of a repeated header the last."""
    pieces: Iterator[bytes]


def is_public(address: Address) -> bool:
    """Whether this is an address of the internet, and of nothing nearer."""
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    is_listed = any(address.version == network.version and address in network for network in _NOT_PUBLIC)
    return address.is_global and not is_special and not address.is_link_local and not is_listed


def is_loopback(address: Address) -> bool:
    """Whether this is an address of this very machine, where the stand-ins are."""
    return address.is_loopback


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, as the system knows them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedHttp:
    """Fetches from hosts whose addresses are allowed."""

    def __init__(self, *, allows: Callable[[Address], bool] = is_public, resolve: Resolve = resolve) -> None:
        self._allows = allows
        self._resolve = resolve

    @contextmanager
    def get(self, url: str, *, ends_at: float) -> Iterator[GuardedAnswer]:
        """GET `url` until `ends_at`, a time of `time.monotonic`; the body is read inside the block.

        Raises:
            FetchFailed: no answer, also while the body is read.
        """
        target = _parsed(url)
        network = _Network(self._allows, self._resolve, ends_at=ends_at)
        timeout = {"connect": _CONNECT_TIMEOUT_S, "read": _SILENCE_TIMEOUT_S, "write": _SILENCE_TIMEOUT_S}
        with (
            _in_our_words(),
            httpcore.ConnectionPool(ssl_context=_tls(), network_backend=network, max_keepalive_connections=0) as pool,
            pool.stream("GET", target, headers=list(_HEADERS.items()), extensions={"timeout": timeout}) as response,
        ):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            yield GuardedAnswer(response.status, headers, response.iter_stream())


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
        failure: Exception = HostUnreachable("the host has no address")
        for address in self._addresses(host, port):
            left_s = _left_s(self._ends_at, at_most=timeout)
            try:
                stream = self._sockets.connect_tcp(address, port, left_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
            else:
                return _Stream(stream, ends_at=self._ends_at)
        raise failure

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Return where the host is; one bad address spoils all, since only an attacker mixes them."""
        try:
            found = _in_time(
                lambda: self._resolve(host, port), timeout_s=_left_s(self._ends_at, at_most=_CONNECT_TIMEOUT_S)
            )
            addresses = [ipaddress.ip_address(text) for text in found]
        except (OSError, ValueError) as exc:  # getaddrinfo encodes the name first, which may fail as well
            raise HostUnreachable("the host has no address") from exc
        if not all(map(self._allows, addresses)):
            raise AddressRefused("the host leads to an address that is not allowed")
        return [str(address) for address in addresses]


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends by the same time: a host that sends a byte now and then never idles."""

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
            self._stream.close()  # nobody else knows this connection yet
            raise
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left_s), ends_at=self._ends_at)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _parsed(url: str) -> httpcore.URL:
    try:
        return httpcore.URL(url)
    except (TypeError, ValueError) as exc:  # letters beyond ASCII, brackets that hold no address, a port that is none
        raise HostUnreachable("the address is no URL") from exc


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left_s(ends_at: float, *, at_most: float | None) -> float:
    left_s = ends_at - time.monotonic()
    if left_s <= 0:
        raise FetchTooLate("the time for the exchange is over")
    return left_s if at_most is None else min(left_s, at_most)


def _in_time(look_up: Callable[[], Sequence[str]], *, timeout_s: float) -> Sequence[str]:
    """Return what `look_up` returns; the system's own patience with a name server cannot be set."""
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
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (httpcore.TimeoutException, TimeoutError) as exc:
        raise FetchTooLate("the host was silent for too long") from exc
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, ssl.SSLError) as exc:
        raise HostUnreachable("the host could not be reached") from exc
