"""Media files come from strangers: only known formats are read, and a file never makes us open another one.

A playlist, a script or a reference inside a file must never make the decoder open another file or an address: the file
is given as an open object, the list of protocols that FFmpeg may use is one that exists nowhere, and only formats and
codecs that posts really come in are known. Source: FFmpeg Formats Documentation, "Format Options", and Protocols
Documentation, "protocol_whitelist".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,aac,ogg,wav,flac"
_CODECS = (
    "h264,hevc,vp8,vp9,libvpx-vp9,libdav1d,av1,mpeg4,h263,mjpeg,"
    "aac,mp3float,mp3,opus,libopus,vorbis,flac,alac,pcm_s16le,pcm_s16be,pcm_s24le,pcm_f32le"
)
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


class UnreadableMedia(Exception):
    """The file is not a video or a sound that can be decoded; the message is a sentence for the user."""


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a video or sound file.

    Raises:
        UnreadableMedia: it is neither, or asks for more than we give.
    """
    with path.open("rb") as file:
        try:
            container = av.open(file, mode="r", container_options=_OPTIONS, metadata_errors="ignore")
        except FFMPEG_ERRORS as exc:
            raise UnreadableMedia("The file is damaged or is no video or sound that we can read.") from exc
        with container:
            pictures = pictures_of(container)
            if pictures is None and sound_of(container) is None:
                raise UnreadableMedia("The file holds neither pictures nor sound that we can read.")
            if pictures is not None:
                if pictures.width * pictures.height > MAX_PIXELS:
                    raise UnreadableMedia("The pictures of the video are too large.")
                # The size may change in the middle of a stream: the decoder itself must refuse it.
                pictures.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
                pictures.codec_context.thread_count = 2
            yield container


def pictures_of(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures that can be decoded; the cover of a song is a stream too, and none."""
    for stream in container.streams.video:
        if _can_be_decoded(stream) and not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def sound_of(container: InputContainer) -> AudioStream | None:
    """Return the first stream of sound that can be decoded."""
    return next((stream for stream in container.streams.audio if _can_be_decoded(stream)), None)


def _can_be_decoded(stream: Stream) -> bool:
    # PyAV makes no context where FFmpeg knows no codec: an encrypted track, or a codec that is not on the list.
    return stream.codec_context is not None


def claimed_duration_s(container: InputContainer) -> float | None:
    """Return the duration that the file states, which need not be true."""
    if container.duration is None or container.duration <= 0:
        return None
    return float(container.duration / av.time_base)
