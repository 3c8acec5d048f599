"""The size or duration of media, read from the headers of their files; nothing is decoded."""

import struct

_PNG_START = struct.Struct(">8s8xII")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8"
_JPEG_SEGMENT = struct.Struct(">BBHxHH")
_JPEG_SEGMENT_START = 0xFF
_JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Time scale and duration. Version 1 has 64-bit times, two of which precede the scale.
_MOVIE_HEADERS = {0: struct.Struct(">4sB3x8xII"), 1: struct.Struct(">4sB3x16xIQ")}


def picture_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG or JPEG; None for other files."""
    try:
        if content.startswith(_JPEG_SIGNATURE):
            return _jpeg_size(content)
        signature, width, height = _PNG_START.unpack_from(content)
    except struct.error:
        return None
    return (width, height) if signature == _PNG_SIGNATURE else None


def duration_ms(content: bytes) -> int | None:
    """Return the duration in the movie header of an MP4; None if there is no such header."""
    at = content.find(b"mvhd")
    if at < 0:
        return None
    try:
        header = _MOVIE_HEADERS[content[at + 4]]
        _name, _version, timescale, duration = header.unpack_from(content, at)
    except (IndexError, KeyError, struct.error):
        return None
    return duration * 1000 // timescale if timescale else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    at = len(_JPEG_SIGNATURE)
    while True:
        start, marker, length, height, width = _JPEG_SEGMENT.unpack_from(content, at)
        if start != _JPEG_SEGMENT_START:
            return None
        if marker in _JPEG_SIZE_MARKERS:
            return width, height
        at += 2 + length
