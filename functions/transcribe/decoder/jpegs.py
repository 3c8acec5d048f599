"""Checks that a picture from the decoding process is a plain JPEG and nothing else.

It is published under our name, and a hostile file may have chosen its bytes. Nothing is decoded here.
Source: ITU-T T.81, annex B.
"""

import re
import struct

from .container import UnreadableMedia

_START, _END = b"\xff\xd8", b"\xff\xd9"
_MARK = 0xFF
_FRAME, _SCAN = 0xC0, 0xDA
_WORDS = frozenset({0xE0, 0xFE})
"""JFIF, and the comment of the encoder."""
_MAX_WORDS = 64
_ALLOWED = frozenset({_FRAME, _SCAN, 0xC4, 0xDB, 0xDD}) | _WORDS
"""Baseline frame, scan, Huffman and quantisation tables, restart interval."""
_SEGMENT = struct.Struct(">BBH")
_SIZE = struct.Struct(">xHH")
_MARK_IN_DATA = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""What ends the coded picture: anything but a stuffed byte and a restart."""


def check_jpeg(content: bytes, *, max_edge: int) -> None:
    """Refuse what is not one whole baseline JPEG, from its first byte to its last, of at most `max_edge` pixels.

    Raises:
        UnreadableMedia: it is something else.
    """
    try:
        width, height, coded = _head_of(content)
    except struct.error:
        raise _refusal() from None
    if not (0 < width <= max_edge and 0 < height <= max_edge):
        raise _refusal()
    end = _MARK_IN_DATA.search(coded)
    if end is None or end[0] != _END or end.end() != len(coded):
        raise _refusal()


def _head_of(content: bytes) -> tuple[int, int, bytes]:
    """Return width, height and what comes after the header."""
    if not content.startswith(_START):
        raise _refusal()
    at, width, height = len(_START), 0, 0
    while True:
        mark, kind, length = _SEGMENT.unpack_from(content, at)
        if mark != _MARK or kind not in _ALLOWED or (kind in _WORDS and length > _MAX_WORDS):
            raise _refusal()
        if kind == _FRAME:
            height, width = _SIZE.unpack_from(content, at + _SEGMENT.size)
        at += 2 + length  # a length counts itself, and not the mark
        if kind == _SCAN:
            return width, height, content[at:]


def _refusal() -> UnreadableMedia:
    return UnreadableMedia("The file cannot be decoded.")
