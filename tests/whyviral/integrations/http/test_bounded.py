import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.fixtures.bytes_server import Serve
from tests.fixtures.waits import WAIT_S
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ConnectionDropped, NotConnected, ProviderError
from whyviral.integrations.http.api_keys import checked_key
from whyviral.integrations.http.bounded import HttpAnswer, fetch, retry_after_s
from whyviral.integrations.http.deadlines import timed_client

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with timed_client(trust_env=False) as client:
        yield client


def _fetch(client: httpx.Client, url: str, *, total_s: float = WAIT_S) -> HttpAnswer:
    return fetch(client, url, provider="vendor", service="The vendor", headers={}, total_s=total_s, max_bytes=10_000)


def _dripping() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        time.sleep(0.05)
        yield b"1\r\nx\r\n"


def test_a_body_that_arrives_byte_by_byte_times_out_at_the_deadline(client: httpx.Client, serve_bytes: Serve) -> None:
    url = serve_bytes(_dripping())

    with pytest.raises(ProviderError) as failure:
        _fetch(client, url, total_s=0.4)

    assert failure.value.category is ErrorCategory.TIMEOUT


def test_headers_that_arrive_byte_by_byte_time_out_at_the_deadline(client: httpx.Client, serve_bytes: Serve) -> None:
    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        for number in itertools.count():
            time.sleep(0.05)
            yield b"X-%d: y\r\n" % number

    url = serve_bytes(drip())

    with pytest.raises(ProviderError) as failure:
        _fetch(client, url, total_s=0.4)

    assert failure.value.category is ErrorCategory.TIMEOUT


def test_slow_headers_leave_less_time_for_the_body(client: httpx.Client, serve_bytes: Serve) -> None:
    def answer() -> Iterator[bytes]:
        time.sleep(1.2)
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"
        time.sleep(1.2)  # less than the total, but more than the rest of it
        yield b"}"

    with pytest.raises(ProviderError) as failure:
        _fetch(client, serve_bytes(answer()), total_s=2.0)

    assert (failure.value.category, failure.value.status) == (ErrorCategory.TIMEOUT, 200)


def test_an_endless_body_is_refused_at_the_size_limit(client: httpx.Client, serve_bytes: Serve) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    url = serve_bytes(itertools.chain([head], itertools.repeat(b"400\r\n" + b"x" * 1024 + b"\r\n")))

    with pytest.raises(ProviderError) as failure:
        _fetch(client, url)

    assert failure.value.category is ErrorCategory.PROVIDER_ERROR


def test_an_incomplete_answer_is_not_a_dropped_connection_because_it_may_be_billed(
    client: httpx.Client, serve_bytes: Serve
) -> None:
    url = serve_bytes(iter([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"]))

    with pytest.raises(ProviderError) as failure:
        _fetch(client, url)

    assert not isinstance(failure.value, ConnectionDropped)
    assert (failure.value.category, failure.value.is_transient, failure.value.status) == (
        ErrorCategory.PROVIDER_ERROR,
        True,
        200,
    )


def test_a_connection_that_closes_without_an_answer_is_a_dropped_connection(
    client: httpx.Client, serve_bytes: Serve
) -> None:
    url = serve_bytes(iter([]))

    with pytest.raises(ConnectionDropped) as failure:
        _fetch(client, url)

    assert not isinstance(failure.value, NotConnected)


def test_a_closed_port_means_that_the_request_was_never_sent(client: httpx.Client) -> None:
    with pytest.raises(NotConnected) as failure:
        _fetch(client, "http://127.0.0.1:1")

    assert failure.value.is_transient


def test_a_redirect_is_an_answer_and_is_not_followed(client: httpx.Client, serve_bytes: Serve) -> None:
    url = serve_bytes(
        iter([b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"])
    )

    assert _fetch(client, url).status == 302


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999", 3600.0),
        ("1e999", None),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_an_invalid_value_is_ignored(value: str, expected: float | None) -> None:
    assert retry_after_s(httpx.Headers({"Retry-After": value}), now=NOW) == expected


@pytest.mark.parametrize("key", ["", "  ", "two words", "new\nline", "schlüssel"])
def test_a_key_that_is_an_invalid_header_value_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(ValueError, match="SOME_KEY is empty or holds") as refusal:
        checked_key(key, name="SOME_KEY")

    assert not key.strip() or key not in str(refusal.value)
