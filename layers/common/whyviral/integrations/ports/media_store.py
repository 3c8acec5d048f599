"""Where media of posts are kept, whichever vendor keeps them."""

import uuid
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from whyviral.integrations.errors import ProviderError

BUCKET = "whyviral-media"
"""Created by the initial migration on Supabase, and by the stand-in itself locally."""


_DIGEST_CHARACTERS = 32


def path_of(platform: str, post_id: uuid.UUID, *, sha256: str, suffix: str) -> str:
    """Return the path of a post's file, by the hexadecimal hash of its content: `x/<uuid>/<half of the hash>.jpg`."""
    return f"{platform}/{post_id}/{sha256[:_DIGEST_CHARACTERS]}.{suffix}"


def find_post_id(path: str) -> uuid.UUID | None:
    """Return the id of the post whose file a path of `path_of` names; None for any other path."""
    try:
        return uuid.UUID(PurePosixPath(path).parent.name)
    except ValueError:
        return None


def is_named_by(path: str, *, sha256: str) -> bool:
    """Whether this is the content that a path of `path_of` names."""
    return PurePosixPath(path).stem == sha256[:_DIGEST_CHARACTERS]


class StoredFileMissing(ProviderError):
    """The storage works and no longer has this file; it has to be stored again."""


class MediaStore(Protocol):
    """Keeps files under paths that name their content, so that a path never changes its meaning."""

    def put(self, path: str, file: BinaryIO, *, content_type: str) -> str:
        """Store a file, which may be there already, and return its public URL.

        Args:
            path: of `path_of`.
            file: positioned at its start; it is read in pieces, never held in memory as a whole.
            content_type: what the file was found to be.

        Raises:
            ProviderError: it could not be stored.
        """
        ...

    def get(self, path: str, into: BinaryIO, *, max_bytes: int) -> int:
        """Write a stored file into `into`, in pieces, and return its size in bytes.

        Raises:
            StoredFileMissing: the storage does not have the file.
            ProviderError: it could not be read, is larger than `max_bytes`, or is not what its path names.
        """
        ...
