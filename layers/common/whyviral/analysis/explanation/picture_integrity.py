"""A check that a picture's file is whole, by its structure alone: no pixel is decoded.

A model refuses the whole question for one picture that is cut off. A file that passes may still be damaged inside.
"""

import re
import zlib
from collections.abc import Callable, Mapping

_JPEG_START, _JPEG_END, _JPEG_SCAN = 0xD8, 0xD9, 0xDA
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_RESERVED = range(0x02, 0xC0)
_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LENGTH_AND_TYPE = 8
_CHECKSUM = 4


def is_whole(content: bytes, content_type: str) -> bool:
    """Whether a picture has the type that it claims and ends where its structure says; True for types not known."""
    check = _CHECKS.get(content_type)
    return check is None or check(content)


def _is_whole_jpeg(content: bytes) -> bool:
    """Walk the segments, skipping over the coded pixels, up to the end marker."""
    position, has_scan = 2, False
    if content[:2] != bytes((0xFF, _JPEG_START)):
        return False
    while position + 2 <= len(content) and content[position] == 0xFF:  # noqa: PLR2004 - starts every marker
        marker = content[position + 1]
        position += 1 if marker == 0xFF else 2  # noqa: PLR2004 - a fill byte before the marker
        if marker == _JPEG_END:
            return has_scan
        if marker in _JPEG_STANDALONE or marker == 0xFF:  # noqa: PLR2004
            continue
        if marker in _JPEG_RESERVED:
            return False
        position += max(2, int.from_bytes(content[position : position + 2]))
        if marker == _JPEG_SCAN:
            has_scan = True
            following = _AFTER_SCAN.search(content, position)
            if following is None:
                return False
            position = following.end() - 2
    return False


def _is_whole_png(content: bytes) -> bool:
    """Walk the chunks and compare their checksums, up to the end chunk."""
    if not content.startswith(_PNG_SIGNATURE):
        return False
    position, has_pixels = len(_PNG_SIGNATURE), False
    while position + _LENGTH_AND_TYPE + _CHECKSUM <= len(content):
        end = position + _LENGTH_AND_TYPE + int.from_bytes(content[position : position + 4])
        kind = content[position + 4 : position + 8]
        checksum = int.from_bytes(content[end : end + _CHECKSUM])
        if end + _CHECKSUM > len(content) or zlib.crc32(memoryview(content)[position + 4 : end]) != checksum:
            return False
        if kind == b"IEND":
            return has_pixels
        has_pixels = has_pixels or kind == b"IDAT"
        position = end + _CHECKSUM
    return False


def _is_whole_webp(content: bytes) -> bool:
    """Walk the chunks of the RIFF container up to the end that its header names."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return False
    end = _LENGTH_AND_TYPE + int.from_bytes(content[4:8], "little")
    position, kinds = 12, set[bytes]()
    while position + _LENGTH_AND_TYPE <= min(end, len(content)):
        kinds.add(content[position : position + 4])
        size_bytes = int.from_bytes(content[position + 4 : position + 8], "little")
        position += _LENGTH_AND_TYPE + size_bytes + size_bytes % 2
    return bool(kinds & {b"VP8 ", b"VP8L", b"ANMF"}) and end <= len(content) + 1 and position <= end + 1


def _is_whole_heic(content: bytes) -> bool:
    """Walk the boxes of the ISO container up to the end of the file."""
    if content[4:8] != b"ftyp":
        return False
    position, kinds = 0, set[bytes]()
    while position + _LENGTH_AND_TYPE <= len(content):
        size_bytes = int.from_bytes(content[position : position + 4])
        kinds.add(content[position + 4 : position + 8])
        if size_bytes == 0:  # this box ends with the file
            position = len(content)
            break
        if size_bytes == 1:
            size_bytes = int.from_bytes(content[position + 8 : position + 16])
        position += max(size_bytes, _LENGTH_AND_TYPE)
    return {b"meta", b"mdat"} <= kinds and position <= len(content)


_CHECKS: Mapping[str, Callable[[bytes], bool]] = {
    "image/jpeg": _is_whole_jpeg,
    "image/png": _is_whole_png,
    "image/webp": _is_whole_webp,
    "image/heic": _is_whole_heic,
}
