"""A media store in memory that can fail."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.media_store import StoredFileMissing

URL = "https://storage.example"


def storage_error(*, is_transient: bool = True) -> ProviderError:
    return ProviderError(
        "The storage of media is out of order.",
        provider="supabase",
        category=ErrorCategory.PROVIDER_ERROR,
        is_transient=is_transient,
        status=503,
    )


@dataclass(slots=True)
class FakeMediaStore:
    """A `MediaStore` in memory."""

    files: dict[str, bytes] = field(default_factory=dict)
    content_types: dict[str, str] = field(default_factory=dict)
    """The content types of the stored files, by path."""
    got: list[str] = field(default_factory=list)
    error: ProviderError | None = None
    put_errors: list[ProviderError] = field(default_factory=list)
    """The errors of the next attempts to store a file, one for each attempt."""
    during_get: Callable[[str], object] = lambda _path: None

    def put(self, path: str, file: BinaryIO, *, content_type: str) -> str:
        if self.error is not None:
            raise self.error
        if self.put_errors:
            raise self.put_errors.pop(0)
        self.files[path] = file.read()
        self.content_types[path] = content_type
        return f"{URL}/{path}"

    def get(self, path: str, into: BinaryIO, *, max_bytes: int) -> int:
        self.got.append(path)
        self.during_get(path)
        if self.error is not None:
            raise self.error
        if path not in self.files:
            raise StoredFileMissing("gone", provider="supabase", category=ErrorCategory.PROVIDER_ERROR, status=404)
        if len(self.files[path]) > max_bytes:
            raise storage_error(is_transient=False)
        return into.write(self.files[path])
