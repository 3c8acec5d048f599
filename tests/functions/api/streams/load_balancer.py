"""A load balancer for tests: one address in front of several servers, of which any may be killed."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

_CHUNK_BYTES = 65_536


@contextmanager
def load_balancer(ports: Sequence[int]) -> Iterator[int]:
    """Forward connections on loopback to the first of these ports that accepts, and yield the balancer's own port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, ports))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def _serve(listener: socket.socket, ports: Sequence[int]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # the balancer ends
            return
        threading.Thread(target=_forward, args=(client, ports), daemon=True).start()


def _forward(client: socket.socket, ports: Sequence[int]) -> None:
    with client:
        for port in ports:
            try:
                server = socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                continue
            with server:
                upstream = threading.Thread(target=_copy, args=(client, server), daemon=True)
                upstream.start()
                _copy(server, client)
                upstream.join()
            return


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until one side ends, and end both, as a balancer does whose server has died."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            target.sendall(chunk)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
