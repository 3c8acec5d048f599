"""Who calls: the process at the other end of a connection, so that a fault can kill it in the middle of its call."""

import asyncio
import os
from dataclasses import dataclass, field

import psutil
from starlette.types import Scope


class CallerNotFound(Exception):
    """No process that belongs to us holds the other end of the connection."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection on loopback, seen from the caller: its own port and the one that it called."""

    port: int
    peer_port: int


@dataclass(slots=True)
class Relays:
    """For whom the proxy calls: what it connects with, and who is connected to it meanwhile."""

    _callers: dict[int, End] = field(default_factory=dict)

    def add(self, port: int, caller: End) -> None:
        """Note that what comes from `port` is said for `caller`."""
        self._callers[port] = caller

    def remove(self, port: int) -> None:
        """Forget a connection that has ended."""
        self._callers.pop(port, None)

    def caller_of(self, scope: Scope) -> End:
        """Return the end of whoever makes the call."""
        port = scope["client"][1]
        return self._callers.get(port) or End(port, scope["server"][1])


async def kill(caller: End) -> None:
    """Kill the process that holds this end, as a container is killed: at once, and with no chance to say so.

    Only what was started by the same process as the stand-ins, or by them: the caller may be anybody on this machine.

    Raises:
        CallerNotFound: nobody of ours is there.
    """
    await asyncio.to_thread(_kill, caller)


def _kill(caller: End) -> None:
    for process in psutil.Process(os.getppid()).children(recursive=True):
        if process.pid != os.getpid() and _holds(process, caller):
            process.kill()
            return
    raise CallerNotFound(f"no process of ours calls from port {caller.port}")


def _holds(process: psutil.Process, end: End) -> bool:
    try:
        connections = process.net_connections("tcp4")
    except psutil.Error:
        return False  # it has ended meanwhile
    return any(
        bool(each.raddr) and (each.laddr.port, each.raddr.port) == (end.port, end.peer_port) for each in connections
    )
