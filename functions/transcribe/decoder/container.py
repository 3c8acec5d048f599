"""Opens media files of strangers: only listed formats and codecs, and never a second file.

A playlist, a script or a reference inside a file must not make the decoder open another file or an address. So the file
is given as an open object, and the list of protocols that FFmpeg may use names one that does not exist. Source: FFmpeg
Formats Documentation, "Format Options", and Protocols Documentation, "protocol_whitelist".

The list of codecs is enforced twice: FFmpeg probes streams with it, and every decoder that PyAV opens for us gets it
too, because PyAV does not hand the container's options on to its decoders. Source: FFmpeg Codecs Documentation,
"codec_whitelist". docs/decisions.md says why each codec is or is not on the list.
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
_LISTED = frozenset(_CODECS.split(","))
MAX_STREAMS = 16
MAX_PIXELS = 8192 * 4320
"""Of one picture: 8K. A file of a kilobyte may claim pictures of gigabytes."""
_OPTIONS = {
    "format_whitelist": _FORMATS,
    "codec_whitelist": _CODECS,
    "protocol_whitelist": "none",
    "max_streams": str(MAX_STREAMS),
}
FFMPEG_ERRORS = (av.FFmpegError, ValueError, EOFError, OSError)
"""What PyAV raises for files that are not what they say: FFmpeg's own, and Python's of impossible places in it."""
_HOST_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class UnreadableMedia(Exception):
    """The file is not a video or a sound that can be decoded; the message is a sentence for the user."""


class HostFailure(Exception):
    """This machine failed, not the file: a full disk, a read error, a decoder that was killed."""


def is_host_error(exc: OSError) -> bool:
    """Whether an error is one of this machine's disk or limits.

    FFmpeg reports damaged files with the same numbers, in exceptions of its own: those are the file's.
    """
    return exc.errno in _HOST_ERRNOS and not isinstance(exc, av.FFmpegError)


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a video or sound file.

    Raises:
        UnreadableMedia: it is neither, or asks for more than we give.
        HostFailure: the disk cannot be read.
    """
    with path.open("rb", buffering=0) as raw:
        file = _File(raw)
        try:
            with _opened(file) as container:
                yield container
        finally:
            # FFmpeg takes a failed read for the end of the file: what was decoded until then is not the whole.
            if file.failure is not None:
                raise HostFailure from file.failure


class _File:
    """The file as PyAV reads it; remembers an error of the disk, which PyAV may drop."""

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
        raise UnreadableMedia("The file is damaged or is no video or sound that we can read.") from exc
    with container:
        pictures, sounds = pictures_of(container), sounds_of(container)
        if pictures is None and not sounds:
            raise UnreadableMedia("The file holds neither pictures nor sound that we can read.")
        for sound in sounds:
            sound.codec_context.options = {"codec_whitelist": _CODECS}
        if pictures is not None:
            if pictures.width * pictures.height > MAX_PIXELS:
                raise UnreadableMedia("The pictures of the video are too large.")
            # The size may change in the middle of a stream: the decoder itself must refuse it.
            pictures.codec_context.options = {"codec_whitelist": _CODECS, "max_pixels": str(MAX_PIXELS)}
            pictures.codec_context.thread_count = 2
        yield container


def pictures_of(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures that can be decoded; the cover of a song is a stream too, and none."""
    return next((stream for stream in _moving(container) if _can_be_decoded(stream)), None)


def sounds_of(container: InputContainer) -> list[AudioStream]:
    """Return the streams of sound that can be decoded, those that a player plays by default first."""
    listed = [stream for stream in container.streams.audio if _can_be_decoded(stream)]
    return sorted(listed, key=lambda stream: not stream.disposition & Disposition.default)


def has_unreadable_pictures(container: InputContainer) -> bool:
    """Whether there are moving pictures, but none that we decode: encrypted, or of a codec that is not on the list."""
    return bool(_moving(container)) and pictures_of(container) is None


def has_unreadable_sound(container: InputContainer) -> bool:
    """Whether a stream of sound is encrypted or of a codec that is not on the list."""
    return not all(_can_be_decoded(stream) for stream in container.streams.audio)


def _moving(container: InputContainer) -> Sequence[VideoStream]:
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def _can_be_decoded(stream: Stream) -> bool:
    # PyAV makes no context where FFmpeg knows no codec, as for an encrypted track.
    return stream.codec_context is not None and stream.codec_context.codec.name in _LISTED


def claimed_duration_s(container: InputContainer) -> float | None:
    """Return the duration that the file states, which need not be true."""
    if container.duration is None or container.duration <= 0:
        return None
    return float(container.duration / av.time_base)
