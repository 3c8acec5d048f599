"""The calling process of a connection, which a fault can kill during its call."""

import asyncio
import os
from dataclasses import dataclass, field

import psutil
from starlette.types import Scope


class CallerNotFound(Exception):
    """No process of this stack holds the other end of the connection."""


@dataclass(frozen=True, slots=True)
class End:
    """The caller's end of a connection on loopback: its own port and the port that it called."""

    port: int
    peer_port: int


@dataclass(slots=True)
class Relays:
    """The callers behind the connections that the proxy opens for them."""

    _callers: dict[int, End] = field(default_factory=dict)

    def add(self, port: int, caller: End) -> None:
        """Record that the proxy's connection from `port` acts for `caller`."""
        self._callers[port] = caller

    def remove(self, port: int) -> None:
        """Remove a connection that has ended."""
        self._callers.pop(port, None)

    def caller_of(self, scope: Scope) -> End:
        """Return the original caller's end of a call."""
        port = scope["client"][1]
        return self._callers.get(port) or End(port, scope["server"][1])


async def kill(caller: End) -> None:
    """Kill the process that holds this end with SIGKILL, as a container is killed.

    Only descendants of the stand-ins' parent are killed, because any process on this machine can call a stand-in.

    Raises:
        CallerNotFound: no such process holds this end.
    """
    await asyncio.to_thread(_kill, caller)


def _kill(caller: End) -> None:
    for process in psutil.Process(os.getppid()).children(recursive=True):
        if process.pid != os.getpid() and _holds(process, caller):
            process.kill()
            return
    raise CallerNotFound(f"no process of this stack calls from port {caller.port}")


def _holds(process: psutil.Process, end: End) -> bool:
    try:
        connections = process.net_connections("tcp4")
    except psutil.Error:
        return False  # the process has ended
    return any(
        bool(each.raddr) and (each.laddr.port, each.raddr.port) == (end.port, end.peer_port) for each in connections
    )
