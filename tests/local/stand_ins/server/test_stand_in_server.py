import signal
import socket
import subprocess
import sys

import httpx
import pytest

from tests.fixtures.waits import WAIT_S, wait_until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_module_serves_silently_and_stops_at_once_even_while_a_call_is_held(stop: signal.Signals) -> None:
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "local.stand_ins", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            wait_until(lambda: is_up(base_url))
            httpx.post(f"{base_url}/__control/faults", json={"vendor": "clerk", "mode": "timeout"}, timeout=WAIT_S)
            with socket.create_connection(("127.0.0.1", port)) as held:
                held.sendall(b"GET /clerk/v1/users HTTP/1.1\r\nHost: x\r\n\r\n")
                calls = f"{base_url}/__control/calls?vendor=clerk"
                wait_until(lambda: httpx.get(calls, timeout=WAIT_S).json()["count"])
                process.send_signal(stop)
                output, _ = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()

    assert output == b""


def is_up(base_url: str) -> bool:
    try:
        httpx.get(f"{base_url}/__control/calls", timeout=WAIT_S)
    except httpx.ConnectError:
        return False
    return True
