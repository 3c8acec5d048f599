"""Where media of posts are kept, whichever vendor keeps them."""

from typing import BinaryIO, Protocol

BUCKET = "whyviral-media"
"""Made by migration 0002 on Supabase, by the stand-in itself here."""


class MediaStore(Protocol):
    """Keeps files under paths that name their content, so that a path never changes its meaning."""

    def put(self, path: str, file: BinaryIO, *, content_type: str) -> str:
        """Store a file, which may be there already, and return its public URL.

        Args:
            path: ASCII, with the content's hash in it: `<platform>/<post uuid>/<sha256 prefix>.<ext>`.
            file: positioned at its start; it is read in pieces, never held in memory as a whole.
            content_type: what the file was found to be.

        Raises:
            ProviderError: it could not be stored.
        """
        ...

    def get(self, path: str, into: BinaryIO, *, max_bytes: int) -> int:
        """Write a stored file into `into`, in pieces, and return its size in bytes.

        Raises:
            ProviderError: it could not be read, or is larger than `max_bytes`.
        """
        ...
