"""Opens files that the decoding process wrote. A hostile media file may control their names and contents."""

import os
import stat
from io import BufferedReader
from pathlib import Path

from .container import HostFailure, UnreadableMedia, is_host_error


def open_untrusted(path: Path, *, max_bytes: int) -> BufferedReader:
    """Open a file that the decoding process wrote, without following links to another file.

    Raises:
        HostFailure: this machine's disk failed.
        UnreadableMedia: it is missing or empty, not a regular file with one link, or larger than `max_bytes`.
    """
    try:
        # O_NONBLOCK: opening a pipe in its place would block for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        if is_host_error(exc):
            raise HostFailure from exc
        raise UnreadableMedia("The file cannot be decoded.") from exc
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or not 0 < status.st_size <= max_bytes:
        os.close(descriptor)
        raise UnreadableMedia("The file cannot be decoded.")
    return os.fdopen(descriptor, "rb")
