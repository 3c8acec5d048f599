"""The folder in which a system keeps its data: locked by one process, with the names that must survive a restart."""

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local.stack.errors import StackError
from local.stack.ports import find_free_port, require_free

_LOCK = "lock"
_STAND_INS_PORT = "stand-ins-port"
_STATE_MACHINE_NAME = "state-machine-name"


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the folder for this process until the block ends.

    Raises:
        StackError: another process holds it.
    """
    with (data / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"the system is already running with its data in {data.name}/; stop it first") from None
        yield


def is_running(data: Path) -> bool:
    """Whether a process runs a system in this folder now; the lock of a killed process does not count."""
    if not (data / _LOCK).exists():
        return False
    try:
        with locked(data):
            return False
    except StackError:
        return True


def clear(data: Path) -> None:
    """Delete everything in the folder but its lock."""
    for entry in data.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _LOCK:
            entry.unlink()


def stand_ins_port(data: Path) -> int:
    """Return the port of the stand-ins, the same as before if it is free: URLs of stored media are in the database."""
    file = data / _STAND_INS_PORT
    with suppress(FileNotFoundError, ValueError, StackError):
        return require_free(int(file.read_text()))
    port = find_free_port()
    file.write_text(str(port))
    return port


def state_machine_name(data: Path, prefix: str) -> str:
    """Return the state machine's name, unique to this folder, so that a restart recognises the requests it started."""
    file = data / _STATE_MACHINE_NAME
    if not file.exists():
        file.write_text(f"{prefix}-{secrets.token_hex(4)}")
    return file.read_text()
