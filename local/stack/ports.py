"""TCP ports on loopback."""

import socket

from local.stack.errors import StackError

HOST = "127.0.0.1"
_MAX_PORT = 65_535


def find_free_port() -> int:
    """Return a port that no process listens on at the moment."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def require_free(port: int) -> int:
    """Return the port.

    Raises:
        StackError: it is not a port number, or another process listens on it.
    """
    if not 0 < port <= _MAX_PORT:
        raise StackError(f"{port} is not a port; choose a number from 1 to {_MAX_PORT}: make run PORT=8000")
    try:
        with socket.create_server((HOST, port)):
            return port
    except PermissionError:
        raise StackError(f"only root may listen on port {port}; choose another port: make run PORT=8000") from None
    except OSError:
        another = port + 1 if port < _MAX_PORT else port - 1
        raise StackError(f"port {port} is in use by another program; choose another: make run PORT={another}") from None
