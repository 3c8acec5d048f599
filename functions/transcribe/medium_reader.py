"""Reads one medium: fetches its file, decodes it in another process, transcribes it and stores its pictures."""

import hashlib
import io
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from functions.transcribe.decoder.audio import read_samples
from functions.transcribe.decoder.container import HostFailure, UnreadableMedia, is_host_error
from functions.transcribe.decoder.examination import AUDIO, THUMBNAIL, Examined, frame_name
from functions.transcribe.decoder.frames import KEY_FRAME_EDGE
from functions.transcribe.decoder.jpegs import check_jpeg
from functions.transcribe.decoder.untrusted_files import open_untrusted
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.media_store import MediaStore, StoredFileMissing, path_of
from whyviral.integrations.ports.transcript import Transcript, TranscriptSource
from whyviral.social.media.service import TRIES, MediaFailure, MediaFindings, StoredFile
from whyviral.social.models import PostMedia
from whyviral.vendor_calls.calls import CallCollector

from .deadline import Deadline, OutOfTime, WorkerStopped
from .speech import measure_speech
from .whisper import Listener

MAX_FILE_BYTES = 262_144_000
"""The bucket's own limit; see the initial migration."""
MAX_DOWNLOAD_S = 180.0
MIN_TIME_S = 5.0
"""No medium is started with less time left."""
TRIES_A_JOB = 2
"""How often one job reads a medium at which this machine fails: with a killed decoder or a full disk, say."""
MAX_TRIES = 6
"""How often all jobs together do; a file that crashes every decoder ends there."""
_UNCLEAR = "Voices were heard, but no words could be made out."
_UNHEARD = "Only a part of the sound was heard, and nothing is said in it."
_JPEG = "image/jpeg"
_MAX_PICTURE_BYTES = 2_000_000
"""A key frame of nothing but noise has 0.4 MB."""


class AudioSource(Protocol):
    """Gets the sound of a video that is only shown on a page."""

    def download(
        self, video_id: str, folder: Path, *, max_bytes: int, timeout_s: float, should_stop: Callable[[], bool]
    ) -> Path:
        """Write the sound into `folder` and return its path.

        Raises:
            ProviderError: it cannot be had, is larger than `max_bytes`, takes longer than `timeout_s` or was stopped.
        """
        ...


class Examine(Protocol):
    """Decodes a file into a folder, as `decode` does."""

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
    heard: Mapping[str, Any] | None = None
    """What was measured of it when its words were saved: it need not be listened to again."""
    tries: int = 0
    """How often this machine has failed at it: a decoder that was killed, a full disk."""


def medium_of(row: PostMedia, *, platform: str, platform_post_id: str) -> Medium:
    """Return what the worker must know of a row."""
    is_heard = row.transcript_source == TranscriptSource.WHISPER and not row.transcript_truncated
    return Medium(
        id=row.id,
        post_id=row.post_id,
        platform=platform,
        platform_post_id=platform_post_id,
        storage_path=row.storage_path,
        heard=row.measurements if is_heard else None,
        tries=int((row.error or {}).get(TRIES, 0)),
    )


type Keep = Callable[[Transcript, MediaFindings], None]
"""Saves the transcript of a medium before its pictures are stored."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a medium, its transcript excepted."""

    findings: MediaFindings | None = None
    failure: MediaFailure | None = None
    is_final: bool = True
    """Whether trying again would find the same; else it is left to be tried again."""
    provider: str | None = None
    """The provider that failed, where one did."""


class MediumReader:
    """Reads media with its collaborators; one is made per medium, so that its calls are its own."""

    def __init__(
        self,
        *,
        store: MediaStore,
        audio_source: AudioSource,
        listener: Listener,
        examine: Examine,
        after_file: Callable[[], object] = lambda: None,
    ) -> None:
        """Args `after_file`: called when a file has been read, before its folder is deleted."""
        self._after_file = after_file
        self._store = store
        self._audio_source = audio_source
        self._listener = listener
        self._examine = examine

    def read(self, medium: Medium, deadline: Deadline, *, keep: Keep) -> Reading:
        """Read a medium; what is wrong with it or with its providers is in the result.

        Raises:
            WorkerStopped: the job was stopped; of what was found out so far, only what was kept stays.
        """
        tries = medium.tries
        while True:
            if deadline.left_s < MIN_TIME_S:
                return _out_of_time(deadline)
            tries += 1
            try:
                return self._read_once(medium, deadline, keep)
            except HostFailure:
                pass
            except OSError as exc:
                if not is_host_error(exc):
                    raise
            if tries >= MAX_TRIES or tries >= medium.tries + TRIES_A_JOB:
                return _host_failed(tries, deadline)

    def _read_once(self, medium: Medium, deadline: Deadline, keep: Keep) -> Reading:
        # The process that decodes may leave a folder that cannot be removed, and /tmp goes with the task.
        with tempfile.TemporaryDirectory(prefix="medium-", ignore_cleanup_errors=True) as name:
            try:
                return self._read(medium, Path(name), deadline, keep)
            except OutOfTime:
                return _out_of_time(deadline)
            except UnreadableMedia as exc:
                return Reading(failure=MediaFailure(ErrorCategory.MEDIA_ERROR, str(exc)))
            except ProviderError as exc:
                return _blamed(Reading(), exc, deadline)
            finally:
                self._after_file()

    def _read(self, medium: Medium, folder: Path, deadline: Deadline, keep: Keep) -> Reading:
        path = self._fetch(medium, folder, deadline)
        examined = self._examine(path, folder, deadline=deadline)
        findings, unheard = self._heard_before(medium, examined), None
        if findings is None:
            findings, unheard = self._listen(folder, examined, deadline, keep)
        problem = examined.problem or unheard
        failure = MediaFailure(ErrorCategory.MEDIA_ERROR, problem) if problem else None
        reading = Reading(findings=findings, failure=failure)
        try:
            frames, thumbnail = self._store_pictures(medium, folder, examined, deadline)
        except ProviderError as exc:
            return _blamed(reading, exc, deadline)
        except UnreadableMedia as exc:
            return replace(reading, failure=MediaFailure(ErrorCategory.MEDIA_ERROR, str(exc)))
        return replace(reading, findings=replace(findings, frames=frames or None, thumbnail=thumbnail))

    def _heard_before(self, medium: Medium, examined: Examined) -> MediaFindings | None:
        return None if medium.heard is None else _findings(examined, medium.heard)

    def _listen(
        self, folder: Path, examined: Examined, deadline: Deadline, keep: Keep
    ) -> tuple[MediaFindings, str | None]:
        """Return everything that is known without the pictures, and why it is not known whether anything is said.

        What is said is kept at once. Of a partial hearing without words nothing is kept: it does not mean silence.
        """
        if not examined.has_audio:
            findings = _findings(examined)
            if examined.problem is None:
                # Without sound nothing is said; of sound that cannot be read that is not known.
                keep(Transcript((), TranscriptSource.WHISPER), findings)
            return findings, None
        samples = read_samples(folder / AUDIO)
        heard = self._listener.listen(samples, should_stop=lambda: deadline.is_over)
        if heard.transcript.is_truncated and deadline.is_stopped:
            raise WorkerStopped
        if not heard.transcript.segments:
            if heard.unclear:
                return _findings(examined), _UNCLEAR
            if heard.transcript.is_truncated:
                raise OutOfTime  # it is not known yet whether something is said
            if examined.is_audio_truncated:
                return _findings(examined), _UNHEARD
        transcript = replace(
            heard.transcript, is_truncated=heard.transcript.is_truncated or examined.is_audio_truncated
        )
        duration_s = float(examined.measurements.get("duration_s", 0.0))
        findings = _findings(examined, measure_speech(replace(heard, transcript=transcript), duration_s=duration_s))
        keep(transcript, findings)
        return findings, None

    def _fetch(self, medium: Medium, folder: Path, deadline: Deadline) -> Path:
        if medium.storage_path is None:
            timeout_s = min(MAX_DOWNLOAD_S, deadline.left_s)
            return self._audio_source.download(
                medium.platform_post_id,
                folder,
                max_bytes=MAX_FILE_BYTES,
                timeout_s=timeout_s,
                should_stop=lambda: deadline.is_stopped,
            )
        path = folder / "medium"
        with path.open("wb") as file:
            watched = cast("BinaryIO", _WatchedFile(file, deadline))
            self._store.get(medium.storage_path, watched, max_bytes=MAX_FILE_BYTES)
        return path

    def _store_pictures(
        self, medium: Medium, folder: Path, examined: Examined, deadline: Deadline
    ) -> tuple[list[dict[str, Any]], StoredFile | None]:
        frames: list[dict[str, Any]] = []
        for number, at_s in enumerate(examined.frames_at_s):
            stored = self._put(medium, folder / frame_name(number), deadline)
            frames.append({"at_s": at_s, "path": stored.path, "url": stored.url})
        return frames, self._put(medium, folder / THUMBNAIL, deadline) if examined.has_thumbnail else None

    def _put(self, medium: Medium, picture: Path, deadline: Deadline) -> StoredFile:
        if deadline.is_stopped:
            raise WorkerStopped
        with open_untrusted(picture, max_bytes=_MAX_PICTURE_BYTES) as file:
            content = file.read()
        check_jpeg(content, max_edge=KEY_FRAME_EDGE)
        path = path_of(medium.platform, medium.post_id, sha256=hashlib.sha256(content).hexdigest(), suffix="jpg")
        return StoredFile(path, self._store.put(path, io.BytesIO(content), content_type=_JPEG))


class _WatchedFile:
    """A file that refuses to be written once the job was stopped, which ends a download."""

    def __init__(self, file: BinaryIO, deadline: Deadline) -> None:
        self._file = file
        self._deadline = deadline

    def write(self, piece: bytes) -> int:
        self._deadline.check()
        return self._file.write(piece)


class BuildReader(Protocol):
    """Makes a reader that reports its calls to a collector."""

    def __call__(self, *, calls: CallCollector) -> MediumReader:
        """Make it."""
        ...


def _findings(examined: Examined, more: Mapping[str, Any] | None = None) -> MediaFindings:
    measured = examined.measurements
    size = (int(measured["width"]), int(measured["height"])) if "width" in measured else None
    measurements = {**(more or {}), **measured}
    return MediaFindings(measurements=measurements, duration_s=measured.get("duration_s"), size=size)


def _blamed(reading: Reading, exc: ProviderError, deadline: Deadline) -> Reading:
    if deadline.is_stopped:  # which may be all that was wrong
        raise WorkerStopped
    failure = MediaFailure(exc.category, exc.message)
    if isinstance(exc, StoredFileMissing):  # it is stored once more by the next attempt, and the storage works
        return replace(reading, failure=failure, is_final=False)
    return replace(reading, failure=failure, is_final=not exc.is_transient, provider=exc.provider)


def _host_failed(tries: int, deadline: Deadline) -> Reading:
    if deadline.is_stopped:
        raise WorkerStopped
    if tries >= MAX_TRIES:
        message = "The file could not be decoded in several tries."
        return Reading(failure=MediaFailure(ErrorCategory.MEDIA_ERROR, message))
    message = "Our machine failed while it read this file; try again."
    return Reading(failure=MediaFailure(ErrorCategory.INTERNAL, message, tries=tries), is_final=False)


def _out_of_time(deadline: Deadline) -> Reading:
    if deadline.is_stopped:
        raise WorkerStopped
    message = "There was no time left to look at this; try again."
    return Reading(failure=MediaFailure(ErrorCategory.TIMEOUT, message), is_final=False)
