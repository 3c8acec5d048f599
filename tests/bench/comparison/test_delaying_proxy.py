"""The proxy carries everything, and delays each answer."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bench.comparison.delaying_proxy import DelayingProxy
from tests.fixtures.waits import WAIT_S

DELAY_S = 0.2


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets from its first client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                while data := client.recv(1024):
                    client.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])


def test_an_answer_arrives_whole_and_no_sooner_than_the_delay(echo_port: int) -> None:
    proxy = DelayingProxy("127.0.0.1", echo_port, delay_s=DELAY_S)
    threading.Thread(target=proxy.serve, daemon=True).start()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S) as client:
        started = time.monotonic()
        client.sendall(b"ping")
        answer = client.recv(4, socket.MSG_WAITALL)
        waited_s = time.monotonic() - started
    proxy.close()

    assert answer == b"ping"
    assert waited_s >= DELAY_S  # a lower bound: a slow machine only makes it longer
