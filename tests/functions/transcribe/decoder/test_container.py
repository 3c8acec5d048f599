import errno
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from functions.transcribe.decoder.container import (
    HostFailure,
    UnreadableMedia,
    has_unreadable_pictures,
    has_unreadable_sound,
    open_media,
    pictures_of,
    sounds_of,
)
from functions.transcribe.decoder.examination import Examined, examine
from tests.fixtures.media_files import SOUND_RATE, silence, tone, write_media

MEDIA = Path(__file__).parents[1] / "media"
_REFUSAL = "^The file contains no pictures and no sound in a supported format.$"


def _examine(path: Path) -> Examined:
    return examine(path, path.parent, watch_budget_s=60, pictures_budget_s=60)


def _sound(path: Path, codec: str) -> Path:
    return write_media(path, sound=tone(1), codecs=("", codec))


def _pictures(path: Path, codec: str, pixels: str, *, sound: str | None = None) -> Path:
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        audio: Any = file.add_stream(sound, rate=SOUND_RATE, layout="mono") if sound else None
        for number in range(10):
            picture = np.full((64, 64, 3), 20 * number, np.uint8)
            file.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)))
        file.mux(stream.encode(None))
        if audio is not None:
            frame = AudioFrame.from_ndarray(tone(1)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = SOUND_RATE, Fraction(1, SOUND_RATE), 0
            file.mux(audio.encode(frame))
            file.mux(audio.encode(None))
    return path


_UNLISTED = {
    "prores.mov": ("prores_ks", "yuv422p10le"),
    "qtrle.mov": ("qtrle", "rgb24"),
    "png.mov": ("png", "rgb24"),
    "mpeg2.mkv": ("mpeg2video", "yuv420p"),
    "ffv1.mkv": ("ffv1", "yuv420p"),
    "mp2.mkv": ("mp2", ""),
    "mulaw.mov": ("pcm_mulaw", ""),
    "alaw.mov": ("pcm_alaw", ""),
    "s24be.mov": ("pcm_s24be", ""),
    "adpcm.mov": ("adpcm_ima_qt", ""),
}


@pytest.mark.parametrize("name", _UNLISTED)
def test_a_codec_that_is_not_on_the_list_is_not_opened(name: str, tmp_path: Path) -> None:
    codec, pixels = _UNLISTED[name]
    path = _pictures(tmp_path / name, codec, pixels) if pixels else _sound(tmp_path / name, codec)

    with pytest.raises(UnreadableMedia, match=_REFUSAL):
        _examine(path)


def test_cinepak_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "cinepak.mov"
    path.write_bytes((MEDIA / "cinepak.mov").read_bytes())

    with pytest.raises(UnreadableMedia, match=_REFUSAL):
        _examine(path)


@pytest.mark.parametrize("codec", ["ac3", "eac3", "aac", "alac", "libmp3lame", "libopus", "flac"])
def test_sound_of_listed_codecs_is_extracted(codec: str, tmp_path: Path) -> None:
    examined = _examine(_sound(tmp_path / "a.mp4", codec))

    assert examined.has_audio
    assert examined.problem is None


def test_the_decoder_itself_enforces_the_list_of_codecs(tmp_path: Path) -> None:
    with open_media(write_media(tmp_path / "a.mp4", scenes=[0.5], sound=tone(0.5))) as container:
        pictures, (sound,) = pictures_of(container), sounds_of(container)

        assert pictures is not None
        assert "h264" in pictures.codec_context.options["codec_whitelist"].split(",")
        assert "cinepak" not in pictures.codec_context.options["codec_whitelist"].split(",")
        assert sound.codec_context.options["codec_whitelist"] == pictures.codec_context.options["codec_whitelist"]


def test_a_video_with_sound_of_an_unlisted_codec_does_not_count_as_silent(tmp_path: Path) -> None:
    path = _pictures(tmp_path / "a.mov", "libx264", "yuv420p", sound="pcm_mulaw")

    examined = _examine(path)

    assert not examined.has_audio
    assert examined.problem == "The sound is in a format that is not supported."
    with open_media(path) as container:
        assert has_unreadable_sound(container)


def test_pictures_of_an_unlisted_codec_beside_sound_are_reported(tmp_path: Path) -> None:
    path = _pictures(tmp_path / "a.mov", "qtrle", "rgb24", sound="aac")

    examined = _examine(path)

    assert (examined.has_audio, examined.has_thumbnail) == (True, False)
    assert examined.problem == "The video is in a format that is not supported."
    with open_media(path) as container:
        assert has_unreadable_pictures(container)


def _tracks(path: Path, *tracks: np.ndarray, default: int = 0) -> Path:
    with av.open(str(path), "w") as file:
        streams: list[Any] = [file.add_stream("aac", rate=SOUND_RATE, layout="mono") for _ in tracks]
        for number, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition.default if number == default else av.stream.Disposition(0)
        for stream, track in zip(streams, tracks, strict=True):
            frame = AudioFrame.from_ndarray(track[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = SOUND_RATE, Fraction(1, SOUND_RATE), 0
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("tracks", "default", "loudness"),
    [
        ((tone(4), silence(4)), 0, -21),
        ((silence(4), tone(4)), 0, -21),
        ((silence(4), silence(4), tone(4)), 0, -21),
        ((tone(4), tone(4, level=0.01)), 0, -21),
        ((tone(4), tone(4, level=0.01)), 1, -41),
    ],
)
def test_another_track_is_extracted_if_the_default_track_is_silent(
    tracks: tuple[np.ndarray, ...], default: int, loudness: float, tmp_path: Path
) -> None:
    examined = _examine(_tracks(tmp_path / "a.mkv", *tracks, default=default))

    assert examined.measurements["loudness_lufs"] == pytest.approx(loudness, abs=3)
    assert examined.problem is None


def test_a_file_with_only_silent_tracks_is_silent(tmp_path: Path) -> None:
    examined = _examine(_tracks(tmp_path / "a.mkv", silence(2), silence(2)))

    assert examined.measurements["silence_share"] == 1.0
    assert examined.problem is None


class _Disk(io.FileIO):
    """A file whose reads fail after a number of calls."""

    def __init__(self, path: Path, *, reads: int) -> None:
        super().__init__(path)
        self._reads = reads

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads -= 1
        if self._reads < 0:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size) or b""


@pytest.fixture(params=[0, 1, 2])
def failing_disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = write_media(tmp_path / "a.mkv", scenes=[2.0], sound=tone(10), codecs=("libx264", "pcm_s16le"))
    # A test has no failing disk.
    monkeypatch.setattr(Path, "open", lambda opened, *_, **__: _Disk(opened, reads=request.param))
    yield path
    monkeypatch.undo()


def test_a_disk_read_error_is_not_reported_as_a_damaged_file(failing_disk: Path) -> None:
    with pytest.raises(HostFailure), open_media(failing_disk) as container:
        for _ in container.decode(*container.streams):
            pass
