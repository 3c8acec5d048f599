"""A proxy between the real yt-dlp and the stand-in, which serves YouTube's hosts under their own names.

It answers CONNECT, terminates TLS with a self-signed certificate, and forwards the request to the app with the host in
its path. It refuses any other host.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.stand_ins.scenario.callers import End, Relays

_PREFIXES = {"www.youtube.com": "/youtube/www", "i.ytimg.com": "/media/i.ytimg.com"}
_MEDIA_DOMAIN = ".googlevideo.com"
_MEDIA_PREFIX = "/youtube/media"
_CERTIFICATE_LIFETIME = timedelta(days=30)
_MAX_HEAD_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
_HEAD_END = b"\r\n\r\n"


class ConnectProxy:
    """An HTTP proxy for CONNECT requests to YouTube's hosts."""

    def __init__(self, host: str, port: int, *, app_port: int, relays: Relays) -> None:
        self._host = host
        self._port = port
        self._app_port = app_port
        self._relays = relays
        self._tls = _server_context()
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen inside the block and yield the port; connections end with the block."""
        server = await asyncio.start_server(self._accept, self._host, self._port, limit=_MAX_HEAD_BYTES)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs each connection in a task
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()  # one side has disconnected, or the client does not speak HTTP
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = _request_line(await reader.readuntil(_HEAD_END))
        host, _, port = target.rpartition(":")
        prefix = _prefix_of(host) if method == "CONNECT" and port == "443" else None
        if prefix is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._tls)
        await self._forward(await reader.readuntil(_HEAD_END), prefix, reader, writer)

    async def _forward(
        self, head: bytes, prefix: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Forward one request; the connection ends with its answer."""
        app_reader, app_writer = await asyncio.open_connection(self._host, self._app_port)
        port = app_writer.get_extra_info("sockname")[1]
        caller = End(port=writer.get_extra_info("peername")[1], peer_port=writer.get_extra_info("sockname")[1])
        self._relays.add(port, caller)
        try:
            app_writer.write(_rewritten(head, prefix))
            sending = asyncio.create_task(_pump(reader, app_writer))
            await _pump(app_reader, writer)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        finally:
            self._relays.remove(port)
            app_writer.close()
            with suppress(OSError):
                await app_writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()


def _prefix_of(host: str) -> str | None:
    """Return the app's path prefix for a host; None for an unknown host."""
    if host.endswith(_MEDIA_DOMAIN):
        return _MEDIA_PREFIX
    return _PREFIXES.get(host)


def _request_line(head: bytes) -> tuple[str, str, str]:
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target, _, version = rest.partition(" ")
    return method, target, version


def _rewritten(head: bytes, prefix: str) -> bytes:
    """Return a request's head with the app's path and without keep-alive."""
    method, target, version = _request_line(head)
    lines = head.removesuffix(_HEAD_END).split(b"\r\n")[1:]
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() != b"connection"]
    first = f"{method} {prefix}{target} {version}".encode("latin-1")
    return b"\r\n".join([first, *kept, b"Connection: close"]) + _HEAD_END


def _server_context() -> ssl.SSLContext:
    """Return a TLS context with a new key and certificate, whose file is deleted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A stand-in of YouTube")])
    names = [x509.DNSName(host) for host in (*_PREFIXES, f"*{_MEDIA_DOMAIN}")]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _CERTIFICATE_LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads them only from a file
        chain = Path(folder, "chain.pem")
        chain.write_bytes(private + certificate.public_bytes(pem))
        context.load_cert_chain(chain)
    return context
