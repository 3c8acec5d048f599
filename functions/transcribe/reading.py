"""How one medium is read: its file is fetched, decoded apart, listened to, and its pictures are stored."""

import hashlib
import tempfile
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from whyviral.core.calls import CallCollector
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.media_store import MediaStore
from whyviral.integrations.transcript import Transcript, TranscriptSource
from whyviral.social.media import MediaFailure, MediaFindings, StoredFile

from .audio import read_samples
from .container import UnreadableMedia
from .deadline import Deadline, OutOfTime, WorkerStopped
from .examine import AUDIO, THUMBNAIL, Examined, frame_name
from .handover import open_left
from .speech import measure_speech
from .whisper import Listener

MAX_FILE_BYTES = 262_144_000
"""The bucket's own limit; see migration 0002."""
MAX_DOWNLOAD_S = 180.0
MIN_TIME_S = 5.0
"""With less than this left no medium is begun."""
_JPEG = "image/jpeg"
_MAX_PICTURE_BYTES = 2_000_000
"""A key frame of nothing but noise has 0.4 MB."""


class AudioSource(Protocol):
    """Gets the sound of a video that is only shown on a page."""

    def download(self, video_id: str, folder: Path, *, max_bytes: int, timeout_s: float) -> Path:
        """Write the sound into `folder` and return its path.

        Raises:
            ProviderError: it cannot be had, is larger than `max_bytes` or takes longer than `timeout_s`.
        """
        ...


class Examine(Protocol):
    """Decodes a file into a folder, as `examine_apart` does."""

    def __call__(self, path: Path, folder: Path, *, deadline: Deadline) -> Examined:
        """Decode it."""
        ...


@dataclass(frozen=True, slots=True)
class Medium:
    """A medium that needs work, as far as the worker must know it."""

    id: uuid.UUID
    post_id: uuid.UUID
    platform: str
    platform_post_id: str
    storage_path: str | None
    """None: a page, whose sound comes from the platform."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a medium."""

    findings: MediaFindings | None = None
    transcript: Transcript | None = None
    failure: MediaFailure | None = None
    is_final: bool = True
    """Whether trying again would find the same; else it is left to be tried again."""
    provider: str | None = None
    """Who failed, where somebody outside did."""


class MediumReader:
    """Reads media with its collaborators; one is made per medium, so that its calls are its own."""

    def __init__(self, *, store: MediaStore, audio_source: AudioSource, listener: Listener, examine: Examine) -> None:
        self._store = store
        self._audio_source = audio_source
        self._listener = listener
        self._examine = examine

    def read(self, medium: Medium, deadline: Deadline) -> Reading:
        """Read a medium; whatever is wrong with it or with its providers is in the result.

        Raises:
            WorkerStopped: the job was stopped, and what was found out so far is forgotten.
        """
        if deadline.left_s < MIN_TIME_S:
            return _out_of_time(deadline)
        # The process that decodes may leave a folder that cannot be removed, and /tmp goes with the task.
        with tempfile.TemporaryDirectory(prefix="medium-", ignore_cleanup_errors=True) as name:
            try:
                return self._read(medium, Path(name), deadline)
            except OutOfTime:
                return _out_of_time(deadline)
            except UnreadableMedia as exc:
                return Reading(failure=MediaFailure(ErrorCategory.MEDIA_ERROR, str(exc)))
            except ProviderError as exc:
                return _blamed(Reading(), exc)

    def _read(self, medium: Medium, folder: Path, deadline: Deadline) -> Reading:
        path = self._fetch(medium, folder, deadline)
        examined = self._examine(path, folder, deadline=deadline)
        reading = self._listen(folder, examined, deadline)
        if not reading.is_final:
            return reading
        try:
            frames, thumbnail = self._store_pictures(medium, folder, examined)
        except ProviderError as exc:
            # What was heard took minutes: it is kept whatever becomes of the pictures.
            return _blamed(reading, exc)
        findings = replace(reading.findings or MediaFindings(), frames=frames or None, thumbnail=thumbnail)
        return replace(reading, findings=findings)

    def _listen(self, folder: Path, examined: Examined, deadline: Deadline) -> Reading:
        """Return everything that is known without the pictures."""
        measured = examined.measurements
        size = (int(measured["width"]), int(measured["height"])) if "width" in measured else None
        findings = MediaFindings(measurements=measured, duration_s=measured.get("duration_s"), size=size)
        if not examined.has_audio:
            # Without sound nothing is said; of sound that cannot be read nobody knows.
            is_mute = examined.problem is None
            return _reading(findings, Transcript((), TranscriptSource.WHISPER) if is_mute else None, examined)
        samples = read_samples(folder / AUDIO)
        heard = self._listener.listen(samples, should_stop=lambda: deadline.is_over)
        if deadline.is_stopped:
            raise WorkerStopped
        transcript = heard.transcript
        if examined.is_audio_truncated:
            transcript = replace(transcript, is_truncated=True)
        if transcript.is_truncated and not transcript.segments:
            # Nobody knows yet whether something is said.
            return _out_of_time(deadline)
        duration_s = float(findings.duration_s or 0.0)
        spoken = measure_speech(replace(heard, transcript=transcript), duration_s=duration_s)
        return _reading(replace(findings, measurements={**measured, **spoken}), transcript, examined)

    def _fetch(self, medium: Medium, folder: Path, deadline: Deadline) -> Path:
        if medium.storage_path is None:
            timeout_s = min(MAX_DOWNLOAD_S, deadline.left_s)
            return self._audio_source.download(
                medium.platform_post_id, folder, max_bytes=MAX_FILE_BYTES, timeout_s=timeout_s
            )
        path = folder / "medium"
        with path.open("wb") as file:
            self._store.get(medium.storage_path, file, max_bytes=MAX_FILE_BYTES)
        return path

    def _store_pictures(
        self, medium: Medium, folder: Path, examined: Examined
    ) -> tuple[list[dict[str, Any]], StoredFile | None]:
        frames: list[dict[str, Any]] = []
        for number, at_s in enumerate(examined.frames_at_s):
            stored = self._put(medium, folder / frame_name(number))
            frames.append({"at_s": at_s, "path": stored.path, "url": stored.url})
        return frames, self._put(medium, folder / THUMBNAIL) if examined.has_thumbnail else None

    def _put(self, medium: Medium, picture: Path) -> StoredFile:
        with open_left(picture, max_bytes=_MAX_PICTURE_BYTES) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
            file.seek(0)
            path = f"{medium.platform}/{medium.post_id}/{digest}.jpg"
            return StoredFile(path, self._store.put(path, file, content_type=_JPEG))


class BuildReader(Protocol):
    """Makes a reader that reports its calls to a collector."""

    def __call__(self, *, calls: CallCollector) -> MediumReader:
        """Make it."""
        ...


def _reading(findings: MediaFindings, transcript: Transcript | None, examined: Examined) -> Reading:
    failure = MediaFailure(ErrorCategory.MEDIA_ERROR, examined.problem) if examined.problem else None
    return Reading(findings=findings, transcript=transcript, failure=failure)


def _blamed(reading: Reading, exc: ProviderError) -> Reading:
    failure = MediaFailure(exc.category, exc.message)
    return replace(reading, failure=failure, is_final=not exc.is_transient, provider=exc.provider)


def _out_of_time(deadline: Deadline) -> Reading:
    if deadline.is_stopped:
        raise WorkerStopped
    message = "There was no time left to look at this; try again."
    return Reading(failure=MediaFailure(ErrorCategory.TIMEOUT, message), is_final=False)
