"""Keeps the worker's secrets from the process that decodes, which runs as the same user."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_MAX_ROUNDS = 1_000


class DescendantsRemain(RuntimeError):
    """Processes that a file left behind could not all be ended; the worker must not go on beside them."""


def disable_ptrace() -> None:
    """Prevent the other processes of this user from reading our environment and memory, and from tracing us.

    The files of a process that is not dumpable belong to root, and tracing it takes CAP_SYS_PTRACE. A program that it
    starts is not protected. Source: Linux manual pages, "PR_SET_DUMPABLE(2const)" and "ptrace(2)".

    Raises:
        OSError: Linux refuses it. On other systems this does nothing.
    """
    _set_process_attribute(_PR_SET_DUMPABLE, 0)


def adopt_descendants() -> None:
    """Make this process the parent of every descendant whose own parent ends, so that `end_descendants` finds it.

    Source: Linux manual page, "PR_SET_CHILD_SUBREAPER(2const)".

    Raises:
        OSError: Linux refuses it. On other systems this does nothing.
    """
    _set_process_attribute(_PR_SET_CHILD_SUBREAPER, 1)


def end_descendants() -> None:
    """Kill all descendants of this process; it must have called `adopt_descendants` and wait for no child itself.

    The children of a killed process become ours, and the next round kills them.

    Raises:
        DescendantsRemain: they start new processes faster than we end them, or are not ours to end.
    """
    if sys.platform != "linux":
        return
    for _ in range(_MAX_ROUNDS):
        children = _list_children(os.getpid())
        if not children:
            return
        for child in children:
            with suppress(ProcessLookupError):
                _kill(child)
        for child in children:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
    raise DescendantsRemain


def _kill(process_id: int) -> None:
    try:
        os.kill(process_id, signal.SIGKILL)
    except PermissionError as exc:
        raise DescendantsRemain from exc


def _list_children(process_id: int) -> list[int]:
    children = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):
                # The name of the program stands in brackets before the state and the parent, and may hold anything.
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                if int(fields[1]) == process_id:
                    children.append(int(folder.name))
    return children


def _set_process_attribute(attribute: int, value: int) -> None:
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(attribute, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
