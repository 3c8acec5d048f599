"""The buckets and files of Supabase Storage, on disk; no file is held in memory."""

import hashlib
import json
import re
import secrets
import shutil
import tempfile
import uuid
import weakref
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from whyviral.integrations.ports.media_store import BUCKET

MEDIA_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/heic",
    "image/avif",
    "video/mp4",
    "video/quicktime",
    "video/webm",
    "audio/mp4",
    "audio/mpeg",
    "audio/webm",
)
"""The types that the initial migration allows."""
MEDIA_LIMIT_BYTES = 262_144_000
PROJECT_LIMIT_BYTES = MEDIA_LIMIT_BYTES
"""The project's limit for a file, a setting of Supabase; a bucket can only have a lower limit."""
_MAX_SEGMENT_LENGTH = 255
"""The limit for a segment of a key; the server's file system refuses a longer file name."""
# Source: supabase/storage, src/storage/limits.ts, 2026-08.
_KEY = re.compile(r"[\w/!.\-*'() &$@=;:+,?]{1,2048}", re.ASCII)


class StorageRefusal(Exception):
    """An error answer of the storage, in its own form."""

    def __init__(self, status: int, error: str, message: str, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and its limits; None for no limit."""

    id: str
    public: bool = False
    file_size_limit: int | None = None
    allowed_mime_types: list[str] | None = None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The metadata of a file."""

    bucket: str
    name: str
    mimetype: str
    size: int
    etag: str
    cache_control: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def as_row(self, *, below: str = "") -> dict[str, Any]:
        """Return the row of the object list and the object info; the name is relative to the folder `below`."""
        metadata = {"size": self.size, "mimetype": self.mimetype, "eTag": self.etag, "cacheControl": self.cache_control}
        times = dict.fromkeys(("created_at", "updated_at", "last_accessed_at"), self.created_at)
        return {"name": self.name.removeprefix(below), "id": self.id, **times, "metadata": metadata}


class Storage:
    """Buckets and files; they survive a restart if a folder is given."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="whyviral-storage-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._folder = folder
        self.buckets: dict[str, Bucket] = {}
        self.objects: dict[tuple[str, str], StoredObject] = {}
        self.tokens: dict[str, tuple[str, str, datetime]] = {}
        self._load()

    def reset(self) -> None:
        """Delete all files, and all buckets except the one that the migrations create."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._load()

    def bucket(self, bucket_id: str) -> Bucket:
        """Return a bucket; raises a refusal if it does not exist."""
        if bucket_id not in self.buckets:
            raise StorageRefusal(404, "Bucket not found", "Bucket not found", "NoSuchBucket")
        return self.buckets[bucket_id]

    def find(self, bucket_id: str, name: str) -> StoredObject:
        """Return the metadata of a file; raises a refusal if it does not exist."""
        self.bucket(bucket_id)
        found = self.objects.get((bucket_id, name))
        if found is None:
            raise StorageRefusal(404, "not_found", "Object not found", "NoSuchKey")
        return found

    def path_of(self, stored: StoredObject) -> Path:
        """Return the path of a file's content on disk."""
        return self._folder / _file_name(stored.bucket, stored.name)

    def check_key(self, bucket_id: str, name: str, *, may_replace: bool) -> None:
        """Raise a refusal if the name is invalid, or is in use and may not be replaced."""
        self.bucket(bucket_id)
        if not _KEY.fullmatch(name):
            raise StorageRefusal(400, "InvalidKey", f"Invalid key: {name}", "InvalidKey")
        if any(len(segment) > _MAX_SEGMENT_LENGTH for segment in name.split("/")):
            raise StorageRefusal(500, "InternalError", "Internal server error", "InternalError")
        if not may_replace and (bucket_id, name) in self.objects:
            raise StorageRefusal(409, "Duplicate", "The resource already exists", "KeyAlreadyExists")

    async def write(
        self, bucket_id: str, name: str, pieces: AsyncIterator[bytes], *, mimetype: str, cache_control: str
    ) -> StoredObject:
        """Store a file; replaces an earlier one with its name."""
        bucket = self.bucket(bucket_id)
        if bucket.allowed_mime_types is not None and mimetype not in bucket.allowed_mime_types:
            message = f"mime type {mimetype} is not supported"
            raise StorageRefusal(415, "invalid_mime_type", message, "InvalidMimeType")
        incoming = self._folder / f"incoming-{secrets.token_hex(8)}"
        try:
            size, etag = await _write(incoming, pieces, limit=bucket.file_size_limit)
            stored = StoredObject(bucket_id, name, mimetype, size, etag, cache_control)
            incoming.rename(self.path_of(stored))
        finally:
            incoming.unlink(missing_ok=True)
        self.path_of(stored).with_suffix(".json").write_text(json.dumps(asdict(stored)))
        self.objects[bucket_id, name] = stored
        return stored

    def delete(self, bucket_id: str, names: Iterable[str]) -> list[StoredObject]:
        """Delete files; returns those that existed."""
        self.bucket(bucket_id)
        deleted = [stored for name in names if (stored := self.objects.pop((bucket_id, name), None))]
        for stored in deleted:
            self.path_of(stored).unlink(missing_ok=True)
            self.path_of(stored).with_suffix(".json").unlink(missing_ok=True)
        return deleted

    def _load(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.buckets = {BUCKET: Bucket(BUCKET, True, MEDIA_LIMIT_BYTES, list(MEDIA_TYPES))}
        known = [StoredObject(**json.loads(path.read_text())) for path in self._folder.glob("*.json")]
        self.objects = {(stored.bucket, stored.name): stored for stored in known}
        self.tokens = {}


def _file_name(bucket: str, name: str) -> str:
    return hashlib.sha256(f"{bucket}/{name}".encode()).hexdigest()


async def _write(path: Path, pieces: AsyncIterator[bytes], *, limit: int | None) -> tuple[int, str]:
    size, digest = 0, hashlib.md5(usedforsecurity=False)  # S3's ETag
    with path.open("wb") as file:
        async for piece in pieces:
            size += len(piece)
            if limit is not None and size > limit:
                message = "The object exceeded the maximum allowed size"
                raise StorageRefusal(413, "Payload too large", message, "EntityTooLarge")
            digest.update(piece)
            file.write(piece)
    return size, f'"{digest.hexdigest()}"'
