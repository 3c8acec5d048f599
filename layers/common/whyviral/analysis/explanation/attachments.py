"""Reads the chosen media from storage, within limits of size and time, and records why any are left out."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from whyviral.analysis.explanation.provenance import SentAs, ShownAs
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.analyst import InlineMedia, MediaPart
from whyviral.integrations.ports.media_store import MediaStore

from .media_choice import Candidate, Exhibit, LeftOut, Reason, StoredFile
from .picture_integrity import is_whole

FILE_TIMEOUT_S = 5.0
"""For reading one file."""
MAX_ENCODED_BYTES = 15 * 1024 * 1024
"""Of all inline media of a question, as base64. Gemini takes 100 MB; the lower limit spares memory and upload time.
Source: ai.google.dev, "File input methods"."""
MAX_ATTACHMENTS = 24


@dataclass(frozen=True, slots=True)
class Attachment:
    """An exhibit with the part that is sent to the model."""

    id: str
    """`M1`, `M2`, … in the order of the post; claims cite it."""
    exhibit: Exhibit
    part: MediaPart

    @property
    def is_video(self) -> bool:
        """Whether it is a whole video, which models refuse more often than pictures."""
        return self.exhibit.kind is ShownAs.VIDEO

    @property
    def is_inline(self) -> bool:
        """Whether its bytes were read from storage."""
        return isinstance(self.part, InlineMedia)

    def as_record(self) -> dict[str, Any]:
        """Return the attachment as it is saved, without its bytes."""
        record: dict[str, Any] = {"id": self.id, **exhibit_record(self.exhibit)}
        if isinstance(self.part, InlineMedia):
            return record | {"how": SentAs.INLINE, "bytes": len(self.part.data)}
        return record | {"how": SentAs.URL, "bytes": None, "from_s": self.part.start_s, "to_s": self.part.end_s}


def exhibit_record(exhibit: Exhibit) -> dict[str, Any]:
    """Return an exhibit as it is saved."""
    moment = {} if exhibit.at_s is None else {"at_s": exhibit.at_s}
    return {"kind": exhibit.kind.value, "media_id": str(exhibit.medium_id), **moment}


def attach(
    candidates: Sequence[Candidate],
    *,
    open_store: Callable[[], MediaStore],
    is_time_left: Callable[[], bool],
    max_parts: int = MAX_ATTACHMENTS,
) -> tuple[Sequence[Attachment], Sequence[LeftOut]]:
    """Return the media that can be shown, in the order of the candidates, and those that had to be left out.

    Args:
        candidates: in the order of the post.
        open_store: opens the store; called only when there is a file to read.
        is_time_left: whether one more file may be read.
        max_parts: how many media the model takes.
    """
    reader = _Reader(open_store, is_time_left, max_parts=min(max_parts, MAX_ATTACHMENTS))
    read = {id(candidate): reader.read(candidate) for candidate in sorted(candidates, key=lambda each: each.order)}
    attachments: list[Attachment] = []
    left_out: list[LeftOut] = []
    for candidate in candidates:
        outcome = read[id(candidate)]
        if isinstance(outcome, Reason):
            left_out.append(LeftOut(candidate.exhibit, outcome))
        else:
            attachments.append(Attachment(f"M{len(attachments) + 1}", candidate.exhibit, outcome))
    return attachments, left_out


class _Reader:
    """Reads files until the question is full or the time is over."""

    def __init__(
        self, open_store: Callable[[], MediaStore], is_time_left: Callable[[], bool], *, max_parts: int
    ) -> None:
        self._open_store = open_store
        self._is_time_left = is_time_left
        self._store: MediaStore | None = None
        self._places = max_parts
        self._room_bytes = MAX_ENCODED_BYTES // 4 * 3

    def read(self, candidate: Candidate) -> MediaPart | Reason:
        """Return the part to send to the model, or the reason why there is none."""
        source = candidate.source
        if not self._places:
            return Reason.NO_ROOM
        part = self._read_file(source) if isinstance(source, StoredFile) else source
        self._places -= not isinstance(part, Reason)
        return part

    def _read_file(self, file: StoredFile) -> InlineMedia | Reason:
        if (file.known_bytes or 1) > self._room_bytes:
            return Reason.NO_ROOM
        if not self._is_time_left():
            return Reason.NO_TIME
        self._store = self._store or self._open_store()
        content = io.BytesIO()
        try:
            size_bytes = self._store.get(file.path, content, max_bytes=min(file.max_bytes, self._room_bytes))
        except ProviderError:
            return Reason.NOT_READ
        if not size_bytes:
            return Reason.NOT_READ
        if not is_whole(content.getvalue(), file.content_type):
            return Reason.DAMAGED
        self._room_bytes -= size_bytes
        return InlineMedia(content.getvalue(), file.content_type, file.duration_s)
