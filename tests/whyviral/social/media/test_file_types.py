import struct

import pytest

from local.stand_ins.scenario.posts import SAMPLES
from whyviral.social.media.file_types import (
    AVIF,
    GIF,
    HEIC,
    JPEG,
    M4A,
    MP3,
    MP4,
    PNG,
    QUICKTIME,
    WEBM,
    WEBP,
    FileType,
    is_bomb,
    picture_size,
    sniff,
)

PICTURES = ("kite.png", "photo.jpg")


def boxed(brand: bytes, *compatible: bytes) -> bytes:
    brands = b"".join(compatible)
    return struct.pack(">I4s4sI", 16 + len(brands), b"ftyp", brand, 0) + brands + b"\0" * 64


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"\xff\xd8\xff\xe0", JPEG),
        (b"\x89PNG\r\n\x1a\n", PNG),
        (b"GIF87a", GIF),
        (b"GIF89a", GIF),
        (b"RIFF\x10\0\0\0WEBPVP8 ", WEBP),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (boxed(b"isom", b"isom", b"avc1"), MP4),
        (boxed(b"mp42"), MP4),
        (boxed(b"M4V "), MP4),
        (boxed(b"qt  "), QUICKTIME),
        (boxed(b"M4A "), M4A),
        (boxed(b"heic", b"mif1"), HEIC),
        (boxed(b"mif1", b"heic"), HEIC),
        (boxed(b"mif1", b"miaf", b"avif"), AVIF),
        (boxed(b"avif"), AVIF),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", WEBM),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", None),
        (b"ID3\x04\0", MP3),
        (b"\xff\xfb\x90\0", MP3),
        (b"<html>", None),
        (b"%PDF-1.7", None),
        (b"PK\x03\x04", None),
        (b"\x7fELF", None),
        (b"MZ", None),
        (b"<svg/>", None),
        (b"ftyp", None),
        (b"", None),
    ],
)
def test_the_type_of_a_file_is_detected_by_its_first_bytes(start: bytes, expected: FileType | None) -> None:
    assert sniff(start) == expected


@pytest.mark.parametrize("whole", [(SAMPLES / name).read_bytes() for name in PICTURES], ids=PICTURES)
def test_a_file_truncated_anywhere_causes_no_error(whole: bytes) -> None:
    expected = sniff(whole)

    for length in range(200):
        found = sniff(whole[:length])

        assert found in (None, expected)
        assert found is None or picture_size(whole[:length], found) in (None, picture_size(whole, found))


@pytest.mark.parametrize(("name", "kind", "size"), [("kite.png", PNG, (320, 240)), ("photo.jpg", JPEG, (720, 900))])
def test_the_size_of_a_picture_is_read_from_its_header(name: str, kind: FileType, size: tuple[int, int]) -> None:
    start = (SAMPLES / name).read_bytes()

    assert (sniff(start), picture_size(start, kind)) == (kind, size)


@pytest.mark.parametrize(
    ("start", "kind", "size"),
    [
        (b"GIF89a\x40\x01\xf0\x00", GIF, (320, 240)),
        (b"GIF89a\x00\x00\xf0\x00", GIF, None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 2**32 - 1, 5), PNG, None),
        (b"\xff\xd8\xff\xe0\x00\x00" + b"\0" * 99, JPEG, None),
        (b"\xff\xd8" + b"\xff\xe1\xff\xff" * 99, JPEG, None),
        (b"RIFF\x10\0\0\0WEBPVP8 ", WEBP, None),
        (b"RIFF\x10\0\0\0WEBPALPH" + b"\0" * 20, WEBP, None),
        (b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 10 + b"\x40\x41\xf0\x40", WEBP, (320, 240)),
        (b"RIFF\x10\0\0\0WEBPVP8L\0\0\0\0\x2f" + (319 | 239 << 14).to_bytes(4, "little"), WEBP, (320, 240)),
        (b"RIFF\x10\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x3f\x01\0\xef\0\0", WEBP, (320, 240)),
    ],
)
def test_an_impossible_or_unreadable_picture_size_is_unknown(
    start: bytes, kind: FileType, size: tuple[int, int] | None
) -> None:
    assert picture_size(start, kind) == size


def _png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)


@pytest.mark.parametrize(
    ("start", "kind", "expected"),
    [
        (_png(10_000, 10_000), PNG, False),
        (_png(10_000, 10_001), PNG, True),
        (_png(2**32 - 1, 1), PNG, True),
        (_png(2**32 - 1, 2**32 - 1), PNG, True),
        (b"GIF89a\xff\xff\xff\xff", GIF, True),
        (b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff" + b"\0" * 20, JPEG, True),
        (b"RIFF\x10\0\0\0WEBPVP8X" + b"\0" * 8 + b"\xff" * 6, WEBP, True),
        (b"RIFF", WEBP, False),
        (boxed(b"heic"), HEIC, False),
    ],
)
def test_a_picture_that_claims_too_many_pixels_is_a_bomb(start: bytes, kind: FileType, expected: bool) -> None:
    assert is_bomb(start, kind) is expected
