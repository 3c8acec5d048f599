"""Checks that a picture from the decoding process is a plain JPEG and nothing else.

The picture is published under our name, and a hostile file may control its bytes. The check decodes nothing.
Source: ITU-T T.81, annex B.
"""

import re
import struct

from .container import UnreadableMedia

_START, _END = b"\xff\xd8", b"\xff\xd9"
_MARKER = 0xFF
_FRAME, _SCAN = 0xC0, 0xDA
_TEXT_SEGMENTS = frozenset({0xE0, 0xFE})
"""The JFIF header and the comment of the encoder."""
_MAX_TEXT_BYTES = 64
_ALLOWED = frozenset({_FRAME, _SCAN, 0xC4, 0xDB, 0xDD}) | _TEXT_SEGMENTS
"""Baseline frame, scan, Huffman and quantisation tables, restart interval."""
_SEGMENT = struct.Struct(">BBH")
_SIZE = struct.Struct(">xHH")
_MARKER_IN_DATA = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""A marker that ends the coded picture: any marker except a stuffed byte or a restart."""


def check_jpeg(content: bytes, *, max_edge: int) -> None:
    """Raise unless the content is exactly one complete baseline JPEG with edges of at most `max_edge` pixels.

    Raises:
        UnreadableMedia: the content is something else.
    """
    try:
        width, height, coded = _head_of(content)
    except struct.error:
        raise _refusal() from None
    if not (0 < width <= max_edge and 0 < height <= max_edge):
        raise _refusal()
    end = _MARKER_IN_DATA.search(coded)
    if end is None or end[0] != _END or end.end() != len(coded):
        raise _refusal()


def _head_of(content: bytes) -> tuple[int, int, bytes]:
    """Return the width, the height and the bytes after the header."""
    if not content.startswith(_START):
        raise _refusal()
    at, width, height = len(_START), 0, 0
    while True:
        marker, kind, length = _SEGMENT.unpack_from(content, at)
        if marker != _MARKER or kind not in _ALLOWED or (kind in _TEXT_SEGMENTS and length > _MAX_TEXT_BYTES):
            raise _refusal()
        if kind == _FRAME:
            height, width = _SIZE.unpack_from(content, at + _SEGMENT.size)
        at += 2 + length  # a length includes itself, but not the marker
        if kind == _SCAN:
            return width, height, content[at:]


def _refusal() -> UnreadableMedia:
    return UnreadableMedia("The file cannot be decoded.")
