"""Reads the type and size of a picture that a question holds as base64."""

import base64
import binascii
import math
import re
import struct
from dataclasses import dataclass

_SIGNATURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/gif": re.compile(rb"GIF8[79]a"),
}
_DATA_URL = re.compile(r"data:(?P<type>[a-z]{1,20}/[a-z0-9.+-]{1,50});base64,(?P<data>.*)", re.DOTALL)
_UNKNOWN_SIDE = 512
"""Assumed for types whose header is not read here."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a question."""

    content_type: str
    size_bytes: int
    width: int
    height: int

    def tokens(self, patch: int) -> int:
        """Return the number of square patches that cover the picture."""
        return math.ceil(self.width / patch) * math.ceil(self.height / patch)


def read_picture(content_type: str, data: object) -> Picture:
    """Return a picture.

    Raises:
        ValueError: the data is not base64, or not a picture of its type.
    """
    if not isinstance(data, str) or not data:
        raise ValueError("image data is missing")
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error:
        raise ValueError("image data is not base64") from None
    signature = _SIGNATURES.get(content_type)
    if signature is None:
        raise ValueError(f"image type {content_type} is not supported")
    if not signature.match(content):
        raise ValueError(f"image is not of type {content_type}")
    width, height = _sides(content_type, content)
    return Picture(content_type, len(content), width, height)


def read_data_url(url: object) -> Picture:
    """Return the picture in a data URL; raises as `read_picture` does, also for other URLs."""
    match = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    if match is None:
        raise ValueError("image URL is not a data URL, and a stand-in fetches nothing")
    return read_picture(match["type"], match["data"])


def _sides(content_type: str, content: bytes) -> tuple[int, int]:
    if content_type == "image/png" and len(content) >= 24:  # noqa: PLR2004 - the end of the header's sides
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content_type == "image/jpeg" and (frame := re.search(rb"\xff[\xc0-\xc2]..\x08(....)", content, re.DOTALL)):
        height, width = struct.unpack(">HH", frame[1])
        return width, height
    return _UNKNOWN_SIDE, _UNKNOWN_SIDE
