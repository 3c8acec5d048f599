"""A TCP proxy in front of the database that counts round trips at the socket."""

import selectors
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 65_536


class CountingProxy:
    """Carries connections to a server; a round trip is each time a client sends after the server has answered."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._round_trips = 0
        self._ends: list[socket.socket] = []

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def take(self) -> int:
        """Return the round trips since the last call."""
        with self._lock:
            count, self._round_trips = self._round_trips, 0
        return count

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._ends += [client, server]
                threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        other_end = {client: server, server: client}
        has_server_spoken_last = True
        with selectors.DefaultSelector() as selector, suppress(OSError, ValueError):
            for end in other_end:
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)  # noqa: S101 - registered above
                    data = source.recv(_CHUNK_BYTES)
                    if source is client and has_server_spoken_last and data:
                        with self._lock:
                            self._round_trips += 1
                    has_server_spoken_last = source is server
                    if not data:
                        client.close()
                        server.close()
                        return
                    other_end[source].sendall(data)
