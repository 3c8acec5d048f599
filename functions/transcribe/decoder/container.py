"""Opens untrusted media files: allows only listed formats and codecs, and never opens a second file.

A playlist, a script or a reference inside a file must not make the decoder open another file or a URL. Therefore FFmpeg
gets the file as an open object, and the only protocol it may use is one that does not exist. Source: FFmpeg
Formats Documentation, "Format Options", and Protocols Documentation, "protocol_whitelist".

The list of codecs is set twice: for FFmpeg's probing of streams, and for every decoder that PyAV opens, because PyAV
does not pass the container's options to its decoders. Source: FFmpeg Codecs Documentation,
"codec_whitelist". docs/decisions.md gives the reason for each codec that is or is not on the list.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,aac,ogg,wav,flac"
_CODECS = (
    "h264,hevc,vp8,vp9,libvpx-vp9,libdav1d,av1,mpeg4,h263,mjpeg,"
    "aac,ac3,eac3,mp3float,mp3,opus,libopus,vorbis,flac,alac,pcm_s16le,pcm_s16be,pcm_s24le,pcm_f32le"
)
_ALLOWED_CODECS = frozenset(_CODECS.split(","))
MAX_STREAMS = 16
MAX_PIXELS = 8192 * 4320
"""The maximum size of one picture: 8K. A file of a kilobyte may declare pictures of gigabytes."""
_OPTIONS = {
    "format_whitelist": _FORMATS,
    "codec_whitelist": _CODECS,
    "protocol_whitelist": "none",
    "max_streams": str(MAX_STREAMS),
}
FFMPEG_ERRORS = (av.FFmpegError, ValueError, EOFError, OSError)
"""The exceptions that PyAV raises for damaged files: FFmpeg's errors, and Python's errors for invalid offsets."""
_HOST_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class UnreadableMedia(Exception):
    """The file is not a video or a sound that can be decoded. The message is a sentence for the user."""


class HostFailure(Exception):
    """The machine failed, not the file: a full disk, a read error, a decoder that was killed."""


def is_host_error(exc: OSError) -> bool:
    """Whether an error comes from this machine's disk or limits.

    FFmpeg uses the same numbers for damaged files, but in its own exceptions. Those are faults of the file.
    """
    return exc.errno in _HOST_ERRNOS and not isinstance(exc, av.FFmpegError)


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a video or sound file.

    Raises:
        UnreadableMedia: it is neither, or it exceeds our limits.
        HostFailure: the disk cannot be read.
    """
    with path.open("rb", buffering=0) as raw:
        file = _File(raw)
        try:
            with _opened(file) as container:
                yield container
        finally:
            # FFmpeg treats a failed read as the end of the file, so the decoded part is not the whole file.
            if file.failure is not None:
                raise HostFailure from file.failure


class _File:
    """The file as PyAV reads it. Keeps an error of the disk, which PyAV may drop."""

    def __init__(self, raw: RawIOBase) -> None:
        self._raw = raw
        self.failure: OSError | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._raw.read(size) or b""
        except OSError as exc:
            self.failure = exc
            raise

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()


@contextmanager
def _opened(file: _File) -> Iterator[InputContainer]:
    try:
        container = av.open(file, mode="r", container_options=_OPTIONS, metadata_errors="ignore")
    except FFMPEG_ERRORS as exc:
        raise UnreadableMedia("The file is damaged, or its format is not supported.") from exc
    with container:
        pictures, sounds = pictures_of(container), sounds_of(container)
        if pictures is None and not sounds:
            raise UnreadableMedia("The file contains no pictures and no sound in a supported format.")
        for sound in sounds:
            sound.codec_context.options = {"codec_whitelist": _CODECS}
        if pictures is not None:
            if pictures.width * pictures.height > MAX_PIXELS:
                raise UnreadableMedia("The resolution of the video is too high.")
            # The size may change in the middle of a stream, so the decoder itself must enforce the limit.
            pictures.codec_context.options = {"codec_whitelist": _CODECS, "max_pixels": str(MAX_PIXELS)}
            pictures.codec_context.thread_count = 2
        yield container


def pictures_of(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that can be decoded. The cover of a song is not a video."""
    return next((stream for stream in _moving(container) if _can_be_decoded(stream)), None)


def sounds_of(container: InputContainer) -> list[AudioStream]:
    """Return the audio streams that can be decoded. Streams that a player plays by default come first."""
    listed = [stream for stream in container.streams.audio if _can_be_decoded(stream)]
    return sorted(listed, key=lambda stream: not stream.disposition & Disposition.default)


def has_unreadable_pictures(container: InputContainer) -> bool:
    """Whether the file has video, but none that can be decoded: encrypted, or in a codec that is not on the list."""
    return bool(_moving(container)) and pictures_of(container) is None


def has_unreadable_sound(container: InputContainer) -> bool:
    """Whether an audio stream is encrypted or in a codec that is not on the list."""
    return not all(_can_be_decoded(stream) for stream in container.streams.audio)


def _moving(container: InputContainer) -> Sequence[VideoStream]:
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def _can_be_decoded(stream: Stream) -> bool:
    # PyAV creates no context if FFmpeg knows no codec, as for an encrypted track.
    return stream.codec_context is not None and stream.codec_context.codec.name in _ALLOWED_CODECS


def claimed_duration_s(container: InputContainer) -> float | None:
    """Return the duration that the file states, which may be wrong."""
    if container.duration is None or container.duration <= 0:
        return None
    return float(container.duration / av.time_base)
