from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from functions.transcribe.decoder.container import open_media, pictures_of
from functions.transcribe.decoder.examination import THUMBNAIL, examine, frame_name
from functions.transcribe.decoder.frames import key_frames
from tests.fixtures.media_files import write_media

MEDIA = Path(__file__).parents[1] / "media"


def _stills_at(path: Path, folder: Path) -> list[float]:
    return list(examine(path, folder, watch_budget_s=60, pictures_budget_s=60).frames_at_s)


@pytest.mark.parametrize(("name", "expected"), [("slides.mp4", [0, 3, 6]), ("st033.mp4", [0, 3, 6, 9])])
def test_each_slide_of_a_slideshow_becomes_a_key_frame(name: str, expected: list[float], tmp_path: Path) -> None:
    assert _stills_at(MEDIA / name, tmp_path) == expected


def _varying(path: Path, times_s: list[float], *, codec: str = "libx264", b_frames: int = 0) -> Path:
    """Write grey pictures of increasing brightness that start at these times."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.max_b_frames = b_frames
        stream.options = {"g": "6"}
        for number, at_s in enumerate(times_s):
            picture = np.full((64, 64, 3), 10 + 220 * number // len(times_s), np.uint8)
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(at_s * 1000), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx")])
@pytest.mark.parametrize("b_frames", [0, 3])
def test_the_key_frame_at_a_time_is_the_last_frame_that_began_before_it(
    name: str, codec: str, b_frames: int, tmp_path: Path
) -> None:
    times_s = [0.0, 0.1, 0.2, 2.5, 2.6, 4.0, 7.0, 7.1, 7.2, 7.3, 9.9, 10.0]
    path = _varying(tmp_path / name, times_s, codec=codec, b_frames=b_frames)
    times_wanted_s = [0.05, 1.0, 2.4, 2.5, 3.9, 6.9, 8.0, 9.95]

    with open_media(path) as container:
        stream = pictures_of(container)
        assert stream is not None
        found = key_frames(container, stream, times_wanted_s, budget_s=60)

    expected = [max(at_s for at_s in times_s if at_s <= wanted) for wanted in times_wanted_s]
    assert [frame.at_s for frame in found] == pytest.approx(list(dict.fromkeys(expected)), abs=0.002)


def test_a_time_before_the_first_frame_gives_the_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    _varying(path, [0.0, 5.0, 5.1])

    with open_media(path) as container:
        stream = pictures_of(container)
        assert stream is not None
        (frame,) = key_frames(container, stream, [-1.0], budget_s=60)

    assert frame.at_s == 0


def _corner(picture: Path) -> str:
    """Return which corner is white."""
    with av.open(str(picture)) as file:
        grey = next(file.decode(video=0)).to_ndarray(format="gray")
    height, width = grey.shape
    parts = {
        "top left": grey[: height // 2, : width // 2],
        "top right": grey[: height // 2, width // 2 :],
        "bottom left": grey[height // 2 :, : width // 2],
        "bottom right": grey[height // 2 :, width // 2 :],
    }
    return max(parts, key=lambda name: parts[name].mean())


_MATRICES = {
    "upright": ((1, 0, 0, 1), (320, 180), "top left"),
    "turned right": ((0, 1, -1, 0), (180, 320), "top right"),
    "upside down": ((-1, 0, 0, -1), (320, 180), "bottom right"),
    "turned left": ((0, -1, 1, 0), (180, 320), "bottom left"),
    "left and right mirrored": ((-1, 0, 0, 1), (320, 180), "top right"),
    "top and bottom mirrored": ((1, 0, 0, -1), (320, 180), "bottom left"),
    "transposed": ((0, 1, 1, 0), (180, 320), "top left"),
    "transposed the other way": ((0, -1, -1, 0), (180, 320), "bottom right"),
}
"""For each matrix: a, b, c, d, the displayed size, and the displayed place of a white top left corner."""


@pytest.mark.parametrize("name", _MATRICES)
def test_pictures_are_shown_as_the_display_matrix_says(name: str, tmp_path: Path) -> None:
    (a, b, c, d), size, corner = _MATRICES[name]
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        picture = np.zeros((180, 320, 3), np.uint8)
        picture[:90, :160] = 255
        for _ in range(10):
            file.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))
    content = path.read_bytes()
    matrix = [a, b, 0, c, d, 0, 0, 0, 0x4000]
    upright = b"".join((number << 16).to_bytes(4, signed=True) for number in [1, 0, 0, 0, 1, 0, 0, 0, 0x4000])
    at = content.index(upright, content.index(b"tkhd"))
    written = b"".join((number << 16).to_bytes(4, signed=True) for number in matrix)
    path.write_bytes(content[:at] + written + content[at + len(written) :])

    examined = examine(path, tmp_path, watch_budget_s=60, pictures_budget_s=60)

    assert (examined.measurements["width"], examined.measurements["height"]) == size
    assert _corner(tmp_path / frame_name(0)) == corner
    assert _corner(tmp_path / THUMBNAIL) == corner


@pytest.mark.parametrize(("name", "flip"), [("mhflip.mp4", (1,)), ("mvflip.mp4", (0,))])
def test_a_mirrored_file_is_shown_mirrored(name: str, flip: tuple[int], tmp_path: Path) -> None:
    examine(MEDIA / name, tmp_path, watch_budget_s=60, pictures_budget_s=60)

    with av.open(str(MEDIA / name)) as file:
        stored = next(file.decode(video=0)).to_ndarray(format="gray").astype(float)
    with av.open(str(tmp_path / frame_name(0))) as file:
        shown = next(file.decode(video=0)).to_ndarray(format="gray").astype(float)
    assert np.abs(np.flip(stored, flip) - shown).mean() < 1
    assert np.abs(stored - shown).mean() > 5


def test_a_still_picture_gives_one_key_frame(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", scenes=[0.1], fps=10)

    assert _stills_at(path, tmp_path) == [0.0]
