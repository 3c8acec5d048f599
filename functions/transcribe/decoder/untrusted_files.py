"""Reads what the decoding process has left in its folder; a hostile file may have chosen what lies there."""

import os
import stat
from io import BufferedReader
from pathlib import Path

from .container import HostFailure, UnreadableMedia, is_host_error


def open_untrusted(path: Path, *, max_bytes: int) -> BufferedReader:
    """Open a file that the decoding process has written: this very file, never another one that it points to.

    Raises:
        HostFailure: this machine's disk failed.
        UnreadableMedia: it is missing or empty, no plain file of its own, or larger than it can honestly be.
    """
    try:
        # Without waiting: a pipe in its place would never open.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        if is_host_error(exc):
            raise HostFailure from exc
        raise UnreadableMedia("The file cannot be decoded.") from exc
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or not 0 < found.st_size <= max_bytes:
        os.close(descriptor)
        raise UnreadableMedia("The file cannot be decoded.")
    return os.fdopen(descriptor, "rb")
