"""A media store that notices when our storage has lost a file."""

from typing import BinaryIO

from sqlalchemy import Engine

from whyviral.core.database import session_scope
from whyviral.integrations.ports.media_store import MediaStore, StoredFileMissing

from .service import forget_stored_file


class LostFileStore:
    """`MediaStore` that forgets a path in the database when its file is missing, so that it is stored once more."""

    def __init__(self, store: MediaStore, engine: Engine) -> None:
        self._store = store
        self._engine = engine

    def put(self, path: str, file: BinaryIO, *, content_type: str) -> str:
        """Store a file; see `MediaStore.put`."""
        return self._store.put(path, file, content_type=content_type)

    def get(self, path: str, into: BinaryIO, *, max_bytes: int) -> int:
        """Read a file; see `MediaStore.get`. Call it while no transaction of this thread is open."""
        try:
            return self._store.get(path, into, max_bytes=max_bytes)
        except StoredFileMissing:
            with session_scope(self._engine) as session:
                forget_stored_file(session, path)
            raise
