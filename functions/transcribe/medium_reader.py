"""Processes one medium: fetches its file, decodes it in another process, transcribes it and stores its pictures."""

import hashlib
import io
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from functions.transcribe.decoder.audio import SAMPLE_RATE, Samples, read_samples
from functions.transcribe.decoder.container import HostFailure, UnreadableMedia, is_host_error
from functions.transcribe.decoder.examination import AUDIO, THUMBNAIL, Examined, frame_name
from functions.transcribe.decoder.frames import KEY_FRAME_EDGE
from functions.transcribe.decoder.jpegs import check_jpeg
from functions.transcribe.decoder.timeline import VERSION
from functions.transcribe.decoder.untrusted_files import open_untrusted
from whyviral.core.errors import ErrorCategory
from whyviral.core.telemetry.catalogue import TRANSCRIPTION_REAL_TIME_FACTOR
from whyviral.core.telemetry.metrics import record
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.media_store import MediaStore, StoredFileMissing, path_of
from whyviral.integrations.ports.transcript import Transcript, TranscriptSource
from whyviral.social.media.service import TRIES, MediaFailure, MediaFindings, StoredFile
from whyviral.social.models import PostMedia
from whyviral.vendor_calls.calls import CallCollector

from .deadline import Deadline, OutOfTime, WorkerStopped
from .speech import RecognisedSpeech, measure_speech, timeline_of_voices
from .whisper import Listener

MAX_FILE_BYTES = 262_144_000
"""The file size limit of the bucket, as the initial migration sets it."""
MAX_DOWNLOAD_S = 180.0
MIN_TIME_S = 5.0
"""A medium is not started with less time than this before the deadline."""
MAX_TRIES_PER_JOB = 2
"""How often one job tries a medium while this machine fails, for example with a killed decoder or a full disk."""
MAX_TRIES = 6
"""How often all jobs together try it. A file that crashes every decoder is given up after that."""
_UNCLEAR = "Voices were detected, but no words could be recognised."
_PARTLY_DECODED = "Only part of the sound could be decoded, and it contains no speech."
_JPEG = "image/jpeg"
_TIMELINE = "timeline"
"""The key of the measurements with positions and levels over time."""
_MAX_PICTURE_BYTES = 2_000_000
"""A key frame of pure noise has 0.4 MB."""


class AudioSource(Protocol):
    """Downloads the sound of a video that is only available on a page."""

    def download(
        self, video_id: str, folder: Path, *, max_bytes: int, timeout_s: float, should_stop: Callable[[], bool]
    ) -> Path:
        """Write the sound into `folder` and return its path.

        Raises:
            ProviderError: it is not available, is larger than `max_bytes`, took longer than `timeout_s` or was stopped.
        """
        ...


class Examine(Protocol):
    """Decodes a file into a folder, as `isolated_decoder.decode` does."""

    def __call__(self, path: Path, folder: Path, *, deadline: Deadline) -> Examined:
        """Decode the file and return its measurements."""
        ...


@dataclass(frozen=True, slots=True)
class Medium:
    """The values of a medium's row that the worker needs."""

    id: uuid.UUID
    post_id: uuid.UUID
    platform: str
    platform_post_id: str
    storage_path: str | None
    """None for a page, whose sound is downloaded from the platform."""
    saved_measurements: Mapping[str, Any] | None = None
    """The measurements saved with its transcript. If set, speech recognition need not run again."""
    tries: int = 0
    """How often this machine has failed while processing it, for example with a killed decoder or a full disk."""


def medium_of(row: PostMedia, *, platform: str, platform_post_id: str) -> Medium:
    """Return the values of a row that the worker needs."""
    has_transcript = row.transcript_source == TranscriptSource.WHISPER and not row.transcript_truncated
    return Medium(
        id=row.id,
        post_id=row.post_id,
        platform=platform,
        platform_post_id=platform_post_id,
        storage_path=row.storage_path,
        saved_measurements=row.measurements if has_transcript else None,
        tries=int((row.error or {}).get(TRIES, 0)),
    )


type SaveTranscript = Callable[[Transcript, MediaFindings], None]
"""Saves the transcript of a medium before its pictures are stored."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The result for a medium, except its transcript."""

    findings: MediaFindings | None = None
    failure: MediaFailure | None = None
    is_final: bool = True
    """Whether another try would give the same result. If not, the medium is tried again later."""
    provider: str | None = None
    """The provider that failed, if one did."""


class MediumReader:
    """Processes one medium. Each medium has its own reader, so that its vendor calls are recorded separately."""

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

    def read(self, medium: Medium, deadline: Deadline, *, save_transcript: SaveTranscript) -> Reading:
        """Process a medium. The result reports failures of the medium and of providers.

        Raises:
            WorkerStopped: the job was stopped. Only a transcript that was saved before that stays.
        """
        tries = medium.tries
        while True:
            if deadline.left_s < MIN_TIME_S:
                return _out_of_time(deadline)
            tries += 1
            try:
                return self._read_once(medium, deadline, save_transcript)
            except HostFailure:
                pass
            except OSError as exc:
                if not is_host_error(exc):
                    raise
            if tries >= MAX_TRIES or tries >= medium.tries + MAX_TRIES_PER_JOB:
                return _host_failed(tries, deadline)

    def _read_once(self, medium: Medium, deadline: Deadline, save_transcript: SaveTranscript) -> Reading:
        # The decoding process may leave a folder that cannot be removed; /tmp is discarded with the task.
        with tempfile.TemporaryDirectory(prefix="medium-", ignore_cleanup_errors=True) as name:
            try:
                return self._read(medium, Path(name), deadline, save_transcript)
            except OutOfTime:
                return _out_of_time(deadline)
            except UnreadableMedia as exc:
                return Reading(failure=MediaFailure(ErrorCategory.MEDIA_ERROR, str(exc)))
            except ProviderError as exc:
                return _provider_failed(Reading(), exc, deadline)
            finally:
                self._after_file()

    def _read(self, medium: Medium, folder: Path, deadline: Deadline, save_transcript: SaveTranscript) -> Reading:
        path = self._fetch(medium, folder, deadline)
        examined = self._examine(path, folder, deadline=deadline)
        findings, speech_problem = self._saved_findings(medium, examined), None
        if findings is None:
            findings, speech_problem = self._transcribe(folder, examined, deadline, save_transcript)
        problem = examined.problem or speech_problem
        failure = MediaFailure(ErrorCategory.MEDIA_ERROR, problem) if problem else None
        reading = Reading(findings=findings, failure=failure)
        try:
            frames, thumbnail = self._store_pictures(medium, folder, examined, deadline)
        except ProviderError as exc:
            return _provider_failed(reading, exc, deadline)
        except UnreadableMedia as exc:
            return replace(reading, failure=MediaFailure(ErrorCategory.MEDIA_ERROR, str(exc)))
        return replace(reading, findings=replace(findings, frames=frames or None, thumbnail=thumbnail))

    def _saved_findings(self, medium: Medium, examined: Examined) -> MediaFindings | None:
        return None if medium.saved_measurements is None else _findings(examined, medium.saved_measurements)

    def _transcribe(
        self, folder: Path, examined: Examined, deadline: Deadline, save_transcript: SaveTranscript
    ) -> tuple[MediaFindings, str | None]:
        """Return the findings without the pictures, and the reason if it is unknown whether the medium has speech.

        A transcript is saved at once. If only part of the sound was processed and no words were found, no transcript
        is saved, because that does not mean silence.
        """
        if not examined.has_audio:
            findings = _findings(examined)
            if examined.problem is None:
                # A medium without sound has no speech. If its sound cannot be decoded, that is unknown.
                save_transcript(Transcript((), TranscriptSource.WHISPER), findings)
            return findings, None
        samples = read_samples(folder / AUDIO)
        recognised = self._listen(samples, deadline)
        if recognised.transcript.is_truncated and deadline.is_stopped:
            raise WorkerStopped
        if not recognised.transcript.segments:
            if recognised.unclear:
                return _findings(examined, _voices(recognised)), _UNCLEAR
            if recognised.transcript.is_truncated:
                raise OutOfTime  # whether there is speech is still unknown
            if examined.is_audio_truncated:
                return _findings(examined), _PARTLY_DECODED
        transcript = replace(
            recognised.transcript, is_truncated=recognised.transcript.is_truncated or examined.is_audio_truncated
        )
        duration_s = float(examined.measurements.get("duration_s", 0.0))
        spoken = measure_speech(replace(recognised, transcript=transcript), duration_s=duration_s)
        findings = _findings(examined, spoken | _voices(recognised))
        save_transcript(transcript, findings)
        return findings, None

    def _listen(self, samples: Samples, deadline: Deadline) -> RecognisedSpeech:
        started_mono_s = time.monotonic()
        recognised = self._listener.listen(samples, should_stop=lambda: deadline.is_over)
        duration_s = len(samples) / SAMPLE_RATE
        if recognised.voice_s and not deadline.is_over:  # without voices the model does not run
            record(TRANSCRIPTION_REAL_TIME_FACTOR, (time.monotonic() - started_mono_s) / duration_s)
        return recognised

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
    """A file that raises on writes once the job has ended, which aborts a download."""

    def __init__(self, file: BinaryIO, deadline: Deadline) -> None:
        self._file = file
        self._deadline = deadline

    def write(self, piece: bytes) -> int:
        self._deadline.check()
        return self._file.write(piece)


class BuildReader(Protocol):
    """Builds a reader that records its vendor calls in a collector."""

    def __call__(self, *, calls: CallCollector) -> MediumReader:
        """Build the reader of one medium."""
        ...


def _voices(recognised: RecognisedSpeech) -> dict[str, Any]:
    return {_TIMELINE: timeline_of_voices(recognised.voices)}


def _findings(examined: Examined, speech: Mapping[str, Any] | None = None) -> MediaFindings:
    measured = examined.measurements
    size = (int(measured["width"]), int(measured["height"])) if "width" in measured else None
    timeline = {**(speech or {}).get(_TIMELINE, {}), **examined.timeline.as_json()}
    measurements = {**(speech or {}), **measured}
    if timeline:
        measurements[_TIMELINE] = {**timeline, "version": VERSION}
    return MediaFindings(measurements=measurements, duration_s=measured.get("duration_s"), size=size)


def _provider_failed(reading: Reading, exc: ProviderError, deadline: Deadline) -> Reading:
    if deadline.is_stopped:  # the stop itself may have caused the failure
        raise WorkerStopped
    failure = MediaFailure(exc.category, exc.message)
    if isinstance(exc, StoredFileMissing):  # it is stored once more by the next attempt, and the storage works
        return replace(reading, failure=failure, is_final=False)
    return replace(reading, failure=failure, is_final=not exc.is_transient, provider=exc.provider)


def _host_failed(tries: int, deadline: Deadline) -> Reading:
    if deadline.is_stopped:
        raise WorkerStopped
    if tries >= MAX_TRIES:
        message = "The file could not be decoded after several attempts."
        return Reading(failure=MediaFailure(ErrorCategory.MEDIA_ERROR, message))
    message = "Our server failed while it processed this file. Try again."
    return Reading(failure=MediaFailure(ErrorCategory.INTERNAL, message, tries=tries), is_final=False)


def _out_of_time(deadline: Deadline) -> Reading:
    if deadline.is_stopped:
        raise WorkerStopped
    message = "Time ran out before this file was processed. Try again."
    return Reading(failure=MediaFailure(ErrorCategory.TIMEOUT, message), is_final=False)
