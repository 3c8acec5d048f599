"""Answers that arrive before the whole request was sent, over plain sockets and over TLS."""

import datetime
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from whyviral.integrations.http.duplex_stream import DuplexNetwork

REFUSAL = b"HTTP/1.1 415 Unsupported Media Type\r\nContent-Length: 7\r\n\r\nrefused"
SUCCESS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PIECE = b"x" * 65_536
LARGE = 5_000
"""The number of pieces, which together exceed the buffers of two sockets."""
WAIT_S = 60
"""The bound for waits that end at once on an idle machine."""

type Handle = Callable[[socket.socket], None]
type Start = Callable[[Handle], str]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a certificate for localhost and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start(scheme: str, certificate: Path) -> Iterator[Start]:
    """Return a function that serves one connection with a handler and returns the server's URL."""
    with ExitStack() as stack:

        def start(handle: Handle) -> str:
            listener = stack.enter_context(socket.create_server(("localhost", 0)))
            listener.settimeout(WAIT_S)

            def serve() -> None:
                with suppress(OSError), listener.accept()[0] as connection:
                    connection.settimeout(WAIT_S)
                    with (
                        _server_tls(certificate).wrap_socket(connection, server_side=True)
                        if scheme == "https"
                        else (connection) as secured
                    ):
                        handle(secured)

            thread = threading.Thread(target=serve)
            thread.start()
            stack.callback(thread.join, WAIT_S)
            return f"{scheme}://localhost:{listener.getsockname()[1]}/"

        yield start


@pytest.fixture
def pool(certificate: Path) -> Iterator[httpcore.ConnectionPool]:
    context = ssl.create_default_context(cafile=certificate)
    with httpcore.ConnectionPool(ssl_context=context, network_backend=DuplexNetwork()) as pool:
        yield pool


def _server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def post(pool: httpcore.ConnectionPool, url: str, pieces: Iterator[bytes], *, length: int) -> httpcore.Response:
    timeout = {"connect": WAIT_S, "read": WAIT_S, "write": WAIT_S}
    return pool.request(
        "POST", url, headers={"Content-Length": str(length)}, content=pieces, extensions={"timeout": timeout}
    )


def test_a_client_reads_a_refusal_before_it_has_sent_its_body(pool: httpcore.ConnectionPool, start: Start) -> None:
    is_answered = threading.Event()
    sent = itertools.count()

    def refuse(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(REFUSAL)
        is_answered.wait(WAIT_S)  # stops reading, but keeps the connection open

    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE):
            next(sent)
            yield PIECE

    response = post(pool, start(refuse), pieces(), length=LARGE * len(PIECE))
    is_answered.set()

    assert (response.status, response.content) == (415, b"refused")
    assert next(sent) < LARGE


@pytest.mark.parametrize("scheme", ["http"], indirect=True)  # OpenSSL cannot read after a write that was reset
def test_a_client_reads_a_refusal_although_the_server_then_closes_the_connection(
    pool: httpcore.ConnectionPool, start: Start
) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(REFUSAL)

    response = post(pool, start(refuse), itertools.repeat(PIECE, LARGE), length=LARGE * len(PIECE))

    assert (response.status, response.content) == (415, b"refused")


def test_a_slow_reader_receives_the_whole_body_and_the_connection_is_reused(
    pool: httpcore.ConnectionPool, start: Start
) -> None:
    received: list[int] = []

    def take(connection: socket.socket) -> None:
        for _ in range(2):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(1024)
            size = len(head.partition(b"\r\n\r\n")[2])
            while size < 100 * len(PIECE):
                size += len(connection.recv(10_000))
            received.append(size)
            connection.sendall(SUCCESS)

    url = start(take)
    for _ in range(2):
        assert post(pool, url, itertools.repeat(PIECE, 100), length=100 * len(PIECE)).content == b"ok"

    assert received == [100 * len(PIECE)] * 2


def test_an_interim_answer_does_not_end_the_request(pool: httpcore.ConnectionPool, start: Start) -> None:
    received: list[int] = []

    def take(connection: socket.socket) -> None:
        size = len(connection.recv(1024).partition(b"\r\n\r\n")[2])
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while size < LARGE * len(PIECE):
            size += len(connection.recv(len(PIECE)))
        received.append(size)
        connection.sendall(SUCCESS)

    response = post(pool, start(take), itertools.repeat(PIECE, LARGE), length=LARGE * len(PIECE))

    assert (response.status, received) == (200, [LARGE * len(PIECE)])


def test_a_server_that_never_reads_causes_a_write_timeout(pool: httpcore.ConnectionPool, start: Start) -> None:
    is_over = threading.Event()

    def take_nothing(_connection: socket.socket) -> None:
        is_over.wait(WAIT_S)

    url, timeout = start(take_nothing), {"connect": WAIT_S, "read": WAIT_S, "write": 0.2}
    try:
        with pytest.raises(httpcore.WriteTimeout):
            pool.request("POST", url, content=itertools.repeat(PIECE, LARGE), extensions={"timeout": timeout})
    finally:
        is_over.set()
