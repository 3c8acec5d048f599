"""Files that no other user of this machine can read."""

import os
from pathlib import Path

_OWNER_ONLY = 0o600


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, replacing an earlier one whatever its mode was."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, _OWNER_ONLY)  # before the first byte: a file that was there keeps its mode
        file.write(text)
