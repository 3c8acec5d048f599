"""The client connects to the address that it checked, and TLS still verifies the host name."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fixtures.bytes_server import Serve
from tests.fixtures.waits import WAIT_S
from whyviral.integrations.http import ssrf_guard
from whyviral.integrations.http.ssrf_guard import (
    AddressRefused,
    FetchTooLate,
    GuardedHttp,
    HostUnreachable,
    is_loopback,
    is_public,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\nhi"


def to_loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def get(http: GuardedHttp, url: str, *, seconds: float = WAIT_S) -> tuple[int, bytes]:
    with http.get(url, ends_at=time.monotonic() + seconds) as answer:
        return answer.status, b"".join(answer.pieces)


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], int]]:
    """Return a function that serves one call with a trusted certificate for the given name."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(name: str) -> int:
        certificate = _certificate(name, tmp_path)
        monkeypatch.setattr(ssrf_guard, "_tls", lambda: ssl.create_default_context(cafile=certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(65_536)
                    secure.sendall(OK)

        threads.append(threading.Thread(target=answer))
        threads[-1].start()
        port: int = listener.getsockname()[1]
        return port

    yield serve
    for listener in listeners:
        listener.close()
    for thread in threads:
        thread.join(WAIT_S)


def _certificate(name: str, folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_tls_verifies_the_host_name_although_the_client_connects_to_an_address(
    tls_server: Callable[[str], int],
) -> None:
    port = tls_server("pbs.twimg.com")

    answer = get(GuardedHttp(allows=is_loopback, resolve=to_loopback), f"https://pbs.twimg.com:{port}/a.jpg")

    assert answer == (200, b"hi")


def test_a_certificate_of_another_host_is_refused(tls_server: Callable[[str], int]) -> None:
    port = tls_server("evil.example")

    with pytest.raises(HostUnreachable):
        get(GuardedHttp(allows=is_loopback, resolve=to_loopback), f"https://pbs.twimg.com:{port}/a.jpg")


def test_a_host_name_is_resolved_only_once(serve_bytes: Serve) -> None:
    port = serve_bytes(iter([OK])).rpartition(":")[2]
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    status, _ = get(GuardedHttp(allows=is_loopback, resolve=lambda *_: next(answers)), f"http://rebinding.test:{port}/")

    assert (status, next(answers)) == (200, ["10.0.0.1"])


def test_the_next_address_is_tried_if_the_first_does_not_answer(serve_bytes: Serve) -> None:
    port = serve_bytes(iter([OK])).rpartition(":")[2]
    http = GuardedHttp(allows=is_loopback, resolve=lambda *_: ["::1", "127.0.0.1"])

    assert get(http, f"http://two.test:{port}/") == (200, b"hi")


def test_the_environments_proxies_are_ignored(serve_bytes: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert get(GuardedHttp(allows=is_loopback), serve_bytes(iter([OK])) + "/") == (200, b"hi")


def test_status_and_headers_are_returned(serve_bytes: Serve) -> None:
    http = GuardedHttp(allows=is_loopback)

    with http.get(serve_bytes(iter([OK])) + "/", ends_at=time.monotonic() + WAIT_S) as answer:
        assert (answer.status, answer.headers) == (200, {"content-length": "2", "x-twice": "2"})


def test_loopback_is_refused_unless_it_is_explicitly_allowed(serve_bytes: Serve) -> None:
    url = serve_bytes(iter([OK])) + "/"

    with pytest.raises(AddressRefused):
        get(GuardedHttp(), url)
    assert get(GuardedHttp(allows=is_loopback), url) == (200, b"hi")


def test_a_name_server_that_does_not_answer_causes_a_timeout() -> None:
    may_answer = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        may_answer.wait()
        return []

    http = GuardedHttp(resolve=resolve)

    with pytest.raises(FetchTooLate):
        get(http, "http://slow.test/", seconds=0.1)

    may_answer.set()


def test_an_exchange_after_its_deadline_is_not_started() -> None:
    with pytest.raises(FetchTooLate):
        get(GuardedHttp(resolve=to_loopback), "http://any.test/", seconds=-1)


@pytest.mark.parametrize(
    "garbage", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 999999 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000]
)
def test_an_answer_that_is_not_http_counts_as_an_unreachable_host(serve_bytes: Serve, garbage: bytes) -> None:
    with pytest.raises(HostUnreachable):
        get(GuardedHttp(allows=is_loopback), serve_bytes(iter([garbage])) + "/")


@pytest.mark.parametrize("address", ["8.8.8.8", "104.244.43.1", "157.240.1.1", "2606:4700::1", "2a03:2880:f003::1"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
