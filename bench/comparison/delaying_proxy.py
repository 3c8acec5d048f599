"""A TCP proxy that delays each answer of a server, as a network between an application and its database does.

`python -m bench.comparison.delaying_proxy HOST PORT DELAY_MS` prints the port it listens on, and runs until stopped.
"""

import argparse
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_CHUNK_BYTES = 65_536


class DelayingProxy:
    """Carries connections to a server; what the server sends reaches the client `delay_s` later.

    One round trip therefore takes `delay_s` longer. It uses threads: asyncio rounds waits up to whole milliseconds.
    """

    def __init__(self, host: str, port: int, *, delay_s: float) -> None:
        self._server = (host, port)
        self._delay_s = delay_s
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Accept connections until `close` is called."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                _start(self._carry, client)

    def close(self) -> None:
        """Accept no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            late: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            threads = [_start(self._receive, server, late), _start(_deliver, late, client)]
            with suppress(OSError):
                while data := client.recv(_CHUNK_BYTES):
                    server.sendall(data)
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            for thread in threads:
                thread.join()

    def _receive(self, server: socket.socket, late: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        data = b"start"
        while data:
            try:
                data = server.recv(_CHUNK_BYTES)
            except OSError:
                data = b""
            late.put((time.monotonic() + self._delay_s, data))


def _deliver(late: queue.SimpleQueue[tuple[float, bytes]], client: socket.socket) -> None:
    with suppress(OSError):
        while True:
            due_mono_s, data = late.get()
            time.sleep(max(0.0, due_mono_s - time.monotonic()))
            if not data:
                client.shutdown(socket.SHUT_RDWR)  # also wakes the thread that reads from the client
                return
            client.sendall(data)


def _start[*Args](target: Callable[[*Args], None], *args: *Args) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(prog="python -m bench.comparison.delaying_proxy")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("delay_ms", type=float)
    options = parser.parse_args()
    proxy = DelayingProxy(options.host, options.port, delay_s=options.delay_ms / 1000)
    print(proxy.port, flush=True)
    proxy.serve()


if __name__ == "__main__":
    main()
