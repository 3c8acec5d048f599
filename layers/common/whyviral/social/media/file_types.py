"""Detects the type of a file by its first bytes; nothing is decoded, and the sender's content type is ignored."""

import struct
from dataclasses import dataclass

SNIFFED_BYTES = 256 * 1024
"""How much of the start of a file is examined; a JPEG may have its size behind large camera metadata."""

SIGNATURE_BYTES = 64
"""How much of the start of a well-formed file is enough to detect its type."""

MAX_PIXELS = 100_000_000
_MAX_SIDE_PX = 65_535
_14_BITS = 0x3FFF


@dataclass(frozen=True, slots=True)
class FileType:
    """A file type that is stored."""

    content_type: str
    suffix: str

    @property
    def is_image(self) -> bool:
        """Return whether the type is a picture."""
        return self.content_type.startswith("image/")

    @property
    def is_video(self) -> bool:
        """Return whether the type is a video."""
        return self.content_type.startswith("video/")


JPEG = FileType("image/jpeg", "jpg")
PNG = FileType("image/png", "png")
GIF = FileType("image/gif", "gif")
WEBP = FileType("image/webp", "webp")
HEIC = FileType("image/heic", "heic")
AVIF = FileType("image/avif", "avif")
MP4 = FileType("video/mp4", "mp4")
QUICKTIME = FileType("video/quicktime", "mov")
WEBM = FileType("video/webm", "webm")
M4A = FileType("audio/mp4", "m4a")
MP3 = FileType("audio/mpeg", "mp3")

# Source: WHATWG's MIME Sniffing Standard, section 6; for MP3 without tags ISO/IEC 11172-3, the frame header.
_STARTS = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"ID3", MP3),
    (b"\xff\xfb", MP3),
    (b"\xff\xf3", MP3),
    (b"\xff\xf2", MP3),
)
# Brands of ISO base media files. Source: mp4ra.org, registered brands, 2026-11.
_BRANDS = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"heic": HEIC,
    b"heix": HEIC,
    b"heim": HEIC,
    b"heis": HEIC,
    b"hevc": HEIC,
    b"mif1": HEIC,
    b"msf1": HEIC,
    b"qt  ": QUICKTIME,
    b"M4A ": M4A,
    b"M4B ": M4A,
    b"M4P ": M4A,
}
_GENERAL_BRANDS = (b"mif1", b"msf1")
_EBML = b"\x1aE\xdf\xa3"
_JPEG_SEGMENT = struct.Struct(">BBHxHH")
_JPEG_MARK = 0xFF
_JPEG_MIN_LENGTH = 2
"""The length field of a segment counts its own two bytes."""
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def sniff(start: bytes) -> FileType | None:
    """Return the type of the file that begins with `start`, or None for a type that is not stored."""
    for signature, found in _STARTS:
        if start.startswith(signature):
            return found
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return WEBP
    if start[4:8] == b"ftyp":
        return _by_brand(start)
    return WEBM if start.startswith(_EBML) and b"webm" in start[:SIGNATURE_BYTES] else None


def picture_size(start: bytes, kind: FileType) -> tuple[int, int] | None:
    """Return the width and height in the header; None if it is not easily read or states impossible values."""
    width, height = _stated_size(start, kind) or (0, 0)
    return (width, height) if 0 < width <= _MAX_SIDE_PX and 0 < height <= _MAX_SIDE_PX else None


def is_bomb(start: bytes, kind: FileType) -> bool:
    """Return whether the header states too many pixels to decode: a file of 1 KB may expand to gigabytes."""
    width, height = _stated_size(start, kind) or (0, 0)
    return width * height > MAX_PIXELS


def _stated_size(start: bytes, kind: FileType) -> tuple[int, int] | None:
    try:
        match kind:
            case _ if kind == PNG:
                return struct.unpack_from(">II", start, 16)
            case _ if kind == GIF:
                return struct.unpack_from("<HH", start, 6)
            case _ if kind == JPEG:
                return _jpeg_size(start)
            case _ if kind == WEBP:
                return _webp_size(start)
            case _:
                return None
    except struct.error:
        return None


def _webp_size(start: bytes) -> tuple[int, int] | None:
    """Return width and height of a WebP. Source: RFC 9649, sections 2.5 to 2.7 (lossy: RFC 6386, section 9.1)."""
    match start[12:16]:
        case b"VP8X":
            width, width_high, height, height_high = struct.unpack_from("<HBHB", start, 24)
            return 1 + width + (width_high << 16), 1 + height + (height_high << 16)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", start, 21)
            return 1 + (bits & _14_BITS), 1 + (bits >> 14 & _14_BITS)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", start, 26)
            return width & _14_BITS, height & _14_BITS
    return None


def _by_brand(start: bytes) -> FileType:
    (length,) = struct.unpack_from(">I", start)
    brands = [start[8:12], *(start[at : at + 4] for at in range(16, min(length, 256, len(start)), 4))]
    if brands[0] in _GENERAL_BRANDS:  # the picture format is in the list of compatible brands
        return next((_BRANDS[brand] for brand in brands[1:] if brand in (b"avif", b"avis")), HEIC)
    return _BRANDS.get(brands[0], MP4)


def _jpeg_size(start: bytes) -> tuple[int, int]:
    at = 2
    while True:
        mark, kind, length, height, width = _JPEG_SEGMENT.unpack_from(start, at)
        if mark != _JPEG_MARK or length < _JPEG_MIN_LENGTH:
            return 0, 0
        if kind in _JPEG_SIZES:
            return width, height
        at += 2 + length
