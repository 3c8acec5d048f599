"""The port for the storage of post media."""

import uuid
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from whyviral.integrations.errors import ProviderError

BUCKET = "whyviral-media"
"""Created by the initial migration on Supabase, and by the stand-in on one machine."""

_DIGEST_CHARACTERS = 32


def path_of(platform: str, post_id: uuid.UUID, *, sha256: str, suffix: str) -> str:
    """Return the path of a post's file: `x/<uuid>/<first half of the content's SHA-256 in hexadecimal>.jpg`."""
    return f"{platform}/{post_id}/{sha256[:_DIGEST_CHARACTERS]}.{suffix}"


def find_post_id(path: str) -> uuid.UUID | None:
    """Return the id of the post whose file a path of `path_of` names; None for any other path."""
    try:
        return uuid.UUID(PurePosixPath(path).parent.name)
    except ValueError:
        return None


def is_named_by(path: str, *, sha256: str) -> bool:
    """Whether content with this hash belongs at a path made by `path_of`."""
    return PurePosixPath(path).stem == sha256[:_DIGEST_CHARACTERS]


class StoredFileMissing(ProviderError):
    """The storage works and no longer has this file; it has to be stored again."""


class MediaStore(Protocol):
    """Stores files under paths that contain a hash of their content, so that the file at a path never changes."""

    def put(self, path: str, file: BinaryIO, *, content_type: str) -> str:
        """Store a file and return its public URL; storing the same file again is allowed.

        Args:
            path: a path made by `path_of`.
            file: the file, positioned at its start. It is read in chunks and never loaded into memory as a whole.
            content_type: the detected media type of the file.

        Raises:
            ProviderError: the file could not be stored.
        """
        ...

    def get(self, path: str, into: BinaryIO, *, max_bytes: int) -> int:
        """Write a stored file to `into` in chunks, and return its size in bytes.

        Raises:
            StoredFileMissing: the storage does not have the file.
            ProviderError: the file could not be read, is larger than `max_bytes`, or does not match the hash in its
                path.
        """
        ...
