import io
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.pictures import heic, jpeg, png, webp
from whyviral.analysis.explanation.picture_integrity import is_whole

SAMPLES = Path(__file__).parents[4] / "local" / "samples"
REAL = [(path, "image/png" if path.suffix == ".png" else "image/jpeg") for path in sorted(SAMPLES.glob("*.[jp][pn]g"))]
MADE = [(jpeg, "image/jpeg"), (png, "image/png"), (webp, "image/webp"), (heic, "image/heic")]


@pytest.mark.parametrize(("path", "content_type"), REAL, ids=lambda value: getattr(value, "name", value))
def test_a_real_picture_is_whole_and_no_cut_of_it_is(path: Path, content_type: str) -> None:
    content = path.read_bytes()

    assert is_whole(content, content_type)
    assert is_whole(content + b"\0 trailing bytes", content_type)
    assert not any(is_whole(content[:length], content_type) for length in range(0, len(content), 97))


@pytest.mark.parametrize(
    ("codec", "pixel_format", "content_type"),
    [("mjpeg", "yuvj420p", "image/jpeg"), ("png", "rgb24", "image/png"), ("libwebp", "yuv420p", "image/webp")],
)
def test_what_other_encoders_write_is_whole(codec: str, pixel_format: str, content_type: str) -> None:
    content = encoded(codec, pixel_format)

    assert is_whole(content, content_type)
    assert not is_whole(content[: len(content) // 2], content_type)


def encoded(codec: str, pixel_format: str) -> bytes:
    """Return a flat picture as FFmpeg writes it."""
    file = io.BytesIO()
    with av.open(file, "w", format="webp" if codec == "libwebp" else "image2pipe") as container:
        stream = container.add_stream(codec, rate=1)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        container.mux([*stream.encode(av.VideoFrame(64, 48, pixel_format)), *stream.encode(None)])
    return file.getvalue()


@pytest.mark.parametrize(("make", "content_type"), MADE)
def test_a_picture_that_is_cut_anywhere_is_not_whole(make: Callable[[], bytes], content_type: str) -> None:
    content = make()

    assert is_whole(content, content_type)
    assert not any(is_whole(content[:length], content_type) for length in range(len(content) - 1))


@pytest.mark.parametrize("content_type", [content_type for _, content_type in MADE])
@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>", b"GIF89a", b"\xff\xd8\xff\xd9", b"\0" * 1000])
def test_a_file_of_another_kind_is_not_whole(content: bytes, content_type: str) -> None:
    assert not is_whole(content, content_type)


def test_a_png_whose_pixels_were_changed_is_not_whole() -> None:
    assert not is_whole(png().replace(b"pixels", b"pixelz"), "image/png")


def test_a_jpeg_with_a_marker_that_does_not_exist_is_not_whole() -> None:
    assert not is_whole(jpeg(b"pix\xff\x05els"), "image/jpeg")
    assert is_whole(jpeg(b"pix\xff\x00\xff\xd3els"), "image/jpeg")


def test_a_type_without_a_check_is_taken_as_it_is() -> None:
    assert is_whole(b"anything", "video/mp4")


@given(st.sampled_from(MADE), st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_are_judged(made: tuple[Callable[[], bytes], str], noise: bytes, position: int) -> None:
    make, content_type = made
    content = make()

    assert is_whole(content[:position] + noise + content[position:], content_type) in (True, False)
