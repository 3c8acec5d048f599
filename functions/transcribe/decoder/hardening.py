"""Keeps the worker's secrets from the process that decodes, which runs as the same user."""

import ctypes
import os
import sys

_PR_SET_DUMPABLE = 4


def disable_ptrace() -> None:
    """Let no other process of this user read our environment or memory, or trace us.

    The files of a process that is not dumpable are root's, and tracing it takes CAP_SYS_PTRACE. Whatever it starts is a
    program of its own and not concerned. Source: Linux manual pages, "PR_SET_DUMPABLE(2const)" and "ptrace(2)".

    Raises:
        OSError: Linux refuses it; elsewhere there is nothing to do.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
