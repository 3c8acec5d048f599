"""Files that only their owner can read."""

import os
from pathlib import Path

_OWNER_ONLY = 0o600


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600; an existing file is replaced and gets that mode too."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, _OWNER_ONLY)  # before the first byte: opening an existing file keeps its mode
        file.write(text)
