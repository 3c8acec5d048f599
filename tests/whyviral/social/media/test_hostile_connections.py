"""Real requests to addresses that resolve to this machine never open a connection."""

import io
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from tests.fixtures.bytes_server import Serve
from tests.fixtures.waits import WAIT_S
from tests.whyviral.social.media.test_hostile_urls import FOREIGN, refusal
from whyviral.integrations.http.ssrf_guard import AddressRefused, FetchFailed, GuardedHttp, HostUnreachable, is_loopback
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.media.download import Downloader, MediaRefused
from whyviral.social.platforms import Platform

# Each host names this machine for some client, library or proxy.
INNER_HOSTS = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7F.0x0.0x0.0x1",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000177.0.0.1",
    "0x7f.0.0.1",
    "0",
    "0.0.0.0",
    "0x0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[::1%25lo]",
    "user@127.0.0.1",
    "pbs.twimg.com@127.0.0.1",
    "user:word@localhost",
    "127.0.0.1:80@127.0.0.1",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "127\u30020\u30020\u30021",
    "127%2e0%2e0%2e1",
    "loc%61lhost",
    "\u217cocalhost",
    "127.0.0.1\\@pbs.twimg.com",
    "127.0.0.1#@pbs.twimg.com",
    "127.0.0.1?@pbs.twimg.com",
]
FORMS = ["http://{host}:{port}/a.jpg", "https://{host}:{port}/a.jpg"]


class Listener:
    """A loopback port that records connections over IPv4 and IPv6."""

    def __init__(self) -> None:
        self._by_4 = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._by_4.getsockname()[1]
        self._by_6 = socket.create_server(("::1", self.port), family=socket.AF_INET6)
        for each in (self._by_4, self._by_6):
            each.setblocking(False)

    def callers(self) -> list[str]:
        """Return the addresses of the connections since the last call."""
        found = []
        for each in (self._by_4, self._by_6):
            with suppress(BlockingIOError):
                connection, address = each.accept()
                connection.close()
                found.append(str(address[0]))
        return found

    def close(self) -> None:
        self._by_4.close()
        self._by_6.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def _get(http: GuardedHttp, url: str, *, seconds: float = WAIT_S) -> None:
    with http.get(url, ends_at=time.monotonic() + seconds) as answer:
        b"".join(answer.pieces)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("host", INNER_HOSTS)
def test_a_url_that_names_this_machine_is_never_connected_to(host: str, form: str, listener: Listener) -> None:
    url = form.format(host=host, port=listener.port)

    assert refusal(GuardedHttp(), url) == FOREIGN
    # The HTTP guard alone, without the check of the URL's form and with the system's resolver, does not connect either.
    with pytest.raises(FetchFailed):
        _get(GuardedHttp(), url)

    assert listener.callers() == []


@pytest.mark.parametrize(
    ("host", "caller"),
    [("127.0.0.1", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("[::1]", "::1")],
)
def test_the_test_listener_records_connections(host: str, caller: str, listener: Listener) -> None:
    with pytest.raises(FetchFailed):
        _get(GuardedHttp(allows=is_loopback), f"http://{host}:{listener.port}/a.jpg", seconds=0.5)

    assert listener.callers() == [caller]


def test_the_table_of_hostile_addresses_has_at_least_80_cases() -> None:
    assert len(INNER_HOSTS) * len(FORMS) >= 80


def test_dns_rebinding_does_not_reach_an_internal_address(listener: Listener) -> None:
    """127.0.0.1 stands for a public address and ::1 for an internal one."""
    answers = iter([["127.0.0.1"], ["::1"], ["127.0.0.1", "::1"]])
    http = GuardedHttp(allows=lambda address: str(address) == "127.0.0.1", resolve=lambda *_: next(answers))
    url = f"http://rebinding.test:{listener.port}/"

    with pytest.raises(FetchFailed):
        _get(http, url, seconds=0.5)
    assert listener.callers() == ["127.0.0.1"]
    for _ in range(2):
        with pytest.raises(AddressRefused):
            _get(http, url)

    assert listener.callers() == []


@pytest.mark.parametrize("location", [f"https://{host}:{{port}}/" for host in INNER_HOSTS] + ["file:///etc/passwd"])
def test_a_redirect_to_an_internal_address_is_not_followed(
    location: str, serve_bytes: Serve, listener: Listener
) -> None:
    target = location.format(port=listener.port).encode("utf-8")
    url = serve_bytes(iter([b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + target + b"\r\n\r\n"]))

    with pytest.raises(MediaRefused) as refused:
        Downloader(GuardedHttp(), gateway_url=url).download(
            "https://pbs.twimg.com/a.jpg",
            io.BytesIO(),
            platform=Platform.X,
            kind=MediaKind.IMAGE,
            is_stand_in=True,
            now=datetime(2026, 11, 25, tzinfo=UTC),
            ends_at=time.monotonic() + WAIT_S,
        )

    assert refused.value.failure.message == FOREIGN
    assert listener.callers() == []


@pytest.mark.parametrize(
    "url",
    ["", "a.jpg", "https://\u217cocalhost/", "https://[::1/", "https://a:b/", "file:///etc/passwd", "ftp://a.test/"],
)
def test_a_malformed_url_counts_as_an_unreachable_host(url: str) -> None:
    with pytest.raises(HostUnreachable):
        _get(GuardedHttp(), url)
