"""Limits which files the decoding process can open, with Landlock: its own folder, its input and its program.

Source: Linux kernel documentation, "Landlock: unprivileged access control"; `linux/landlock.h`.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, the same on every machine."""
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR, _EXECUTE = 1 << 2, 1 << 3, 1 << 0
_WRITE_FILE, _REMOVE_FILE, _MAKE_FILE = 1 << 1, 1 << 5, 1 << 8
_TRUNCATE = 1 << 14
_RIGHTS_OF_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
"""Every right that a version of Landlock knows: what no rule grants is denied."""
_UNAVAILABLE = (errno.ENOSYS, errno.EOPNOTSUPP)


def find_landlock_version() -> int | None:
    """Return the version of the kernel's Landlock, or None where it has none."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    version: int = library.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 0 and ctypes.get_errno() in _UNAVAILABLE:
        return None
    return _checked(version)


def restrict_files(*, written: Path, read: Iterable[Path]) -> bool:
    """Deny this process every file but those below `written`, and those at or below `read` for reading.

    Returns:
        False where the kernel has no Landlock (before Linux 5.13, or switched off): then nothing is restricted.

    Raises:
        OSError: the kernel has it and refuses.
    """
    version = find_landlock_version()
    if version is None:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    rights = _RIGHTS_OF_VERSION[min(version, max(_RIGHTS_OF_VERSION))]
    attributes = struct.pack("<Q", rights)
    ruleset = _checked(library.syscall(ctypes.c_long(_CREATE_RULESET), attributes, ctypes.c_size_t(8), 0))
    try:
        own = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_FILE | _TRUNCATE
        _add_rule(library, ruleset, written, own & rights)
        for path in read:
            if path.exists():
                _add_rule(library, ruleset, path, _READ_FILE | (_READ_DIR | _EXECUTE if path.is_dir() else 0))
        _checked(library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(library.syscall(ctypes.c_long(_RESTRICT_SELF), ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _add_rule(library: Any, ruleset: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("<Qi", rights, descriptor)
        _checked(library.syscall(ctypes.c_long(_ADD_RULE), ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
