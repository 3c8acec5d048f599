"""Fake media hosts and a fake media store, whose contents and failures tests set."""

import errno
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import ExternalCall
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.social.media.download import Downloaded, MediaRefused
from whyviral.social.media.file_types import JPEG, MP4
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.calls import CallCollector

STORE_URL = "https://store.example/"


class FakeMedia:
    """Media hosts on which every URL is a file with the URL as content, except those in `refused`."""

    def __init__(self, clock: Clock) -> None:
        self.refused: dict[str, MediaRefused] = {}
        self.unwritable: set[str] = set()
        """URLs whose download fails with a full disk."""
        self.unstorable: dict[str, ProviderError] = {}
        """Keys are parts of the path."""
        self.during: Callable[[], object] = lambda: None
        """Called during every download."""
        self.asked: list[tuple[str, Platform, bool]] = []
        self.files: dict[str, tuple[bytes, str]] = {}
        self.during_read: Callable[[], object] = lambda: None
        """Called during every read of a stored file."""
        self.reads: list[str] = []
        self.patience_s: list[float] = []
        """The time limits of each download and of its upload."""
        self._clock = clock

    def download(
        self,
        url: str,
        into: BinaryIO,
        *,
        platform: Platform,
        kind: MediaKind,
        is_stand_in: bool,
        now: datetime,  # noqa: ARG002 - of the protocol
        ends_at: float,
    ) -> Downloaded:
        self.asked.append((url, platform, is_stand_in))
        self.patience_s.append(ends_at - self._clock().timestamp())
        self.during()
        if url in self.refused:
            raise self.refused[url]
        if url in self.unwritable:
            raise OSError(errno.ENOSPC, "No space left on device")
        content = url.encode()
        into.write(content)
        is_video = kind is MediaKind.VIDEO
        size = None if is_video else (320, 240)
        return Downloaded(MP4 if is_video else JPEG, hashlib.sha256(content).hexdigest(), len(content), size)

    def build_store(self, *, calls: CallCollector, timeout_s: float) -> "FakeMediaStore":
        self.patience_s.append(timeout_s)
        return FakeMediaStore(self, calls, self._clock)


class FakeMediaStore:
    """A `MediaStore` whose files are in a `FakeMedia`."""

    def __init__(self, media: FakeMedia, calls: CallCollector, clock: Clock) -> None:
        self._media = media
        self._calls = calls
        self._clock = clock

    def put(self, path: str, file: BinaryIO, *, content_type: str) -> str:
        error = next((error for part, error in self._media.unstorable.items() if part in path), None)
        category: ErrorCategory | None = error.category if error else None
        self._calls.record(ExternalCall("supabase", "POST /object", self._clock(), 5, 200, category))
        if error:
            raise error
        file.seek(0)
        self._media.files[path] = file.read(), content_type
        return STORE_URL + path

    def get(self, path: str, into: BinaryIO, *, max_bytes: int) -> int:
        self._media.reads.append(path)
        self._media.during_read()
        content, _ = self._media.files.get(path, (None, ""))
        is_readable = content is not None and len(content) <= max_bytes
        category = None if is_readable else ErrorCategory.MEDIA_ERROR
        status = 200 if is_readable else 404
        self._calls.record(ExternalCall("supabase", "GET /object", self._clock(), 5, status, category))
        if content is None or not is_readable:
            raise ProviderError("No such file.", provider="supabase", category=ErrorCategory.MEDIA_ERROR, status=404)
        return into.write(content)
