"""A minimal HTTP client for load: it leaves the processor time to the server."""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle, islice

from bench.comparison.in_process import HOST

_TIMEOUT_S = 60


def requests_per_second(ports: Sequence[int], path: str, token: str, *, requests: int, concurrency: int) -> float:
    """Send GET requests over `concurrency` connections, spread over the ports, and return the answers per second.

    Raises:
        RuntimeError: an answer is not 200.
    """
    return asyncio.run(_measure(ports, path, token, requests=requests, concurrency=concurrency))


async def _measure(ports: Sequence[int], path: str, token: str, *, requests: int, concurrency: int) -> float:
    message = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    left = iter(range(requests))

    async def work(port: int) -> None:
        connection = _Connection(port)
        for _ in left:
            status = await asyncio.wait_for(connection.send(message), _TIMEOUT_S)
            if status != b"200":
                raise RuntimeError(f"{path} was answered with {status.decode()}")
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(work(port) for port in islice(cycle(ports), concurrency)))
    return requests / (time.perf_counter() - started)


class _Connection:
    """One connection, reopened after the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, message: bytes) -> bytes:
        """Send a request, read the whole answer, and return its status."""
        was_open = self._streams is not None
        try:
            return await self._exchange(message)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            if not was_open:
                raise
            return await self._exchange(message)  # the server had closed an idle connection

    async def _exchange(self, message: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(message)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines if line)
        await reader.readexactly(int(headers[b"content-length"]))
        if headers.get(b"connection") == b"close":
            self.close()
        return first.split(b" ")[1]

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None
