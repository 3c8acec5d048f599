"""A server for what no HTTP framework would send: answers that drip, never end or are cut."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

type Serve = Callable[[Iterator[bytes]], str]


@pytest.fixture
def serve_bytes() -> Iterator[Serve]:
    """Return a function that answers the next connection with the given pieces and returns the server's base URL."""
    stopped = threading.Event()
    threads: list[threading.Thread] = []

    def serve(pieces: Iterator[bytes]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(5)

        def answer() -> None:
            with listener, suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    for piece in pieces:
                        if stopped.is_set():
                            return
                        connection.sendall(piece)

        thread = threading.Thread(target=answer)
        thread.start()
        threads.append(thread)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    stopped.set()
    for thread in threads:
        thread.join(timeout=10)
