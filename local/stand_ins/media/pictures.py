"""Plain pictures for media that have none, in a colour derived from a name."""

import struct
import zlib


def plain_picture(name: str, width: int, height: int) -> bytes:
    """Return a PNG of one colour."""
    colour = zlib.crc32(name.encode()).to_bytes(4)[:3]
    rows = (b"\0" + colour * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
