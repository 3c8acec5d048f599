"""Reads the number, type and length of the pictures and videos of a question.

Source: ai.google.dev, "Image understanding", "Video understanding".
"""

import base64
import binascii
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.stand_ins.gemini.errors import invalid_argument
from local.stand_ins.gemini.fields import given
from local.stand_ins.language_models.spellings import field

_TOKENS_PER_PICTURE = 258
_TOKENS_PER_FRAME = 70
_TOKENS_PER_SECOND_OF_SOUND = 32
_MOST_FPS = 24
_UNKNOWN_LENGTH_S = 60.0
"""Assumed for a video whose end the client does not name; the stand-in cannot look it up."""
_CONTENT_TYPE = re.compile(r"(image|video|audio)/[a-z0-9.+-]{1,50}")
_OFFSET = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s")
_YOUTUBE = re.compile(r"https://(?:www\.youtube\.com/watch\?v=|youtu\.be/)[A-Za-z0-9_-]{11}")
_SIGNATURES: Mapping[str, re.Pattern[bytes]] = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/heic": re.compile(rb"....ftyp", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class SeenMedia:
    """One picture, video or sound."""

    kind: str
    """Its content type, or `video_url`."""
    modality: str
    """As usage is reported: IMAGE, VIDEO or AUDIO."""
    seconds: float
    tokens: int


def watch_file(blob: Mapping[str, Any], clip: Mapping[str, Any]) -> SeenMedia:
    """Return the kind and size of an inline file.

    Raises:
        Refusal: 400; it is not base64, or not of the type it claims.
    """
    content_type = str(field(blob, "mimeType") or "")
    if not (match := _CONTENT_TYPE.fullmatch(content_type)):
        raise invalid_argument("inline_data.mime_type is not valid")
    content = _decode(field(blob, "data"))
    if match[1] == "image":
        signature = _SIGNATURES.get(content_type)
        if signature is None or not signature.match(content):
            raise invalid_argument("Unable to process input image. Please retry or report in the forum.")
        return SeenMedia(content_type, "IMAGE", 0, _TOKENS_PER_PICTURE)
    start_s, end_s, fps = _read_clip(clip, length_s=_length_s(content))
    return SeenMedia(content_type, match[1].upper(), end_s - start_s, _weight(end_s - start_s, fps))


def watch_url(file: Mapping[str, Any], clip: Mapping[str, Any]) -> SeenMedia:
    """Return the kind and size of a video on YouTube.

    Raises:
        Refusal: 400; it is not an address of YouTube.
    """
    url = field(file, "fileUri")
    if not isinstance(url, str) or not url:
        raise invalid_argument("file_data.file_uri is not specified")
    if not _YOUTUBE.match(url):
        raise invalid_argument("Request contains an invalid argument: file_uri")
    start_s, end_s, fps = _read_clip(clip, length_s=None)
    return SeenMedia("video_url", "VIDEO", end_s - start_s, _weight(end_s - start_s, fps))


def in_words(media: Sequence[SeenMedia]) -> str:
    """Return how many pictures and how many seconds of video and sound there are; empty without any."""
    pictures = sum(medium.modality == "IMAGE" for medium in media)
    told = [f"{pictures} image{'s' if pictures > 1 else ''}"] if pictures else []
    for modality, noun in (("VIDEO", "video"), ("AUDIO", "sound")):
        seconds = sum(medium.seconds for medium in media if medium.modality == modality)
        told += [f"{round(seconds, 1):g} seconds of {noun}"] if seconds else []
    return " and ".join(told)


def _weight(seconds: float, fps: float) -> int:
    return math.ceil(seconds * (fps * _TOKENS_PER_FRAME + _TOKENS_PER_SECOND_OF_SOUND))


def _length_s(content: bytes) -> float:
    import av  # noqa: PLC0415 - takes its time, and most questions have no video

    try:
        with av.open(io.BytesIO(content), mode="r") as container:
            return (container.duration or 0) / av.time_base
    except av.FFmpegError:
        raise invalid_argument("Unable to process input video. Please retry or report in the forum.") from None


def _read_clip(clip: Mapping[str, Any], *, length_s: float | None) -> tuple[float, float, float]:
    start_s = _offset(clip, "startOffset", 0)
    end_s = _offset(clip, "endOffset", start_s + _UNKNOWN_LENGTH_S if length_s is None else length_s)
    end_s = end_s if length_s is None else min(end_s, length_s)
    fps = given(clip, "fps", 1.0)
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= _MOST_FPS:
        raise invalid_argument("video_metadata.fps is out of range")
    if end_s <= start_s:
        raise invalid_argument("video_metadata.end_offset must be after start_offset")
    return start_s, end_s, float(fps)


def _offset(clip: Mapping[str, Any], name: str, default: float) -> float:
    value = field(clip, name)
    if value is None:
        return default
    if not (match := _OFFSET.fullmatch(str(value))):
        raise invalid_argument(f"video_metadata.{name} is not a duration")
    return float(match[1])


def _decode(data: Any) -> bytes:
    # The SDK sends the URL-safe alphabet, REST clients the standard one, both with or without padding.
    if not isinstance(data, str) or not data:
        raise invalid_argument("inline_data.data is not specified")
    standard = data.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("inline_data.data is not base64") from None
