from pathlib import Path

import numpy as np
import pytest

from functions.transcribe.decoder.completeness import is_cut_off
from functions.transcribe.decoder.container import UnreadableMedia, open_media
from functions.transcribe.decoder.examination import examine
from tests.fixtures.media_files import tone, write_media

MEDIA = Path(__file__).parents[1] / "media"

_CODECS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "webm": ("libvpx", "libopus"),
    "mp3": ("", "libmp3lame"),
    "wav": ("", "pcm_s16le"),
    "flac": ("", "flac"),
    "ogg": ("", "libopus"),
    "m4a": ("", "aac"),
}


def _written(path: Path, options: dict[str, str] | None = None) -> Path:
    scenes = [2.0, 2.0, 2.0] if _CODECS[path.suffix[1:]][0] else []
    return write_media(path, scenes=scenes, sound=tone(6), codecs=_CODECS[path.suffix[1:]], options=options)


def _is_cut(path: Path) -> bool:
    with open_media(path) as container:
        return is_cut_off(container, path)


def _cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path


_FASTSTART = {"movflags": "faststart"}
_FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
_SINDEXED = {"movflags": "frag_keyframe+dash+global_sidx", "frag_duration": "1000000"}


@pytest.mark.parametrize("suffix", _CODECS)
def test_a_complete_file_is_not_reported_as_cut_off(suffix: str, tmp_path: Path) -> None:
    assert not _is_cut(_written(tmp_path / f"a.{suffix}"))


@pytest.mark.parametrize("options", [_FASTSTART, _FRAGMENTED, _SINDEXED])
def test_a_complete_mp4_of_any_layout_is_not_reported_as_cut_off(options: dict[str, str], tmp_path: Path) -> None:
    assert not _is_cut(_written(tmp_path / "a.mp4", options))


@pytest.mark.parametrize("name", ["ab.mp4", "slides.mp4", "st033.mp4", "mhflip.mp4", "monostereo.mp3"])
def test_complete_files_of_other_tools_are_not_reported_as_cut_off(name: str) -> None:
    assert not _is_cut(MEDIA / name)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("suffix", ["mkv", "webm", "mp3", "wav", "flac", "ogg"])
def test_a_file_that_ends_early_is_reported_as_cut_off(suffix: str, share: float, tmp_path: Path) -> None:
    assert _is_cut(_cut(_written(tmp_path / f"a.{suffix}"), share))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize(("suffix", "options"), [("mp4", _FASTSTART), ("m4a", _FASTSTART), ("mp4", _SINDEXED)])
def test_an_mp4_that_ends_before_its_index_says_is_reported_as_cut_off(
    suffix: str, options: dict[str, str], share: float, tmp_path: Path
) -> None:
    path = _cut(_written(tmp_path / f"a.{suffix}", options), share)

    try:
        assert _is_cut(path)
    except UnreadableMedia:  # also correct: FFmpeg cannot open every part of a fragmented file
        assert options is _SINDEXED


def test_an_mp4_that_ends_within_a_fragment_is_reported_as_cut_off(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.mp4", _FRAGMENTED)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"mdat") + 200])

    assert _is_cut(path)


def test_a_cut_off_file_has_no_measurements_of_the_whole(tmp_path: Path) -> None:
    examined = examine(MEDIA / "trunc_fast.mp4", tmp_path, watch_budget_s=60, pictures_budget_s=60)

    assert examined.is_audio_truncated
    assert examined.problem == "The file is incomplete; its end is missing."
    assert examined.measurements["duration_s"] == pytest.approx(8.92, abs=0.01)
    assert not examined.measurements.keys() & {"cut_count", "silence_share", "loudness_lufs"}
    assert max(examined.frames_at_s) < 3.7


@pytest.mark.parametrize("suffix", ["mkv", "webm", "mp3", "flac"])
def test_the_duration_of_a_cut_off_file_is_the_stated_one(suffix: str, tmp_path: Path) -> None:
    path = _cut(_written(tmp_path / f"a.{suffix}"), 0.5)

    examined = examine(path, tmp_path, watch_budget_s=60, pictures_budget_s=60)

    assert examined.is_audio_truncated
    assert examined.measurements["duration_s"] == pytest.approx(6.0, abs=0.1)


def test_a_cut_off_wav_file_has_no_duration(tmp_path: Path) -> None:
    """FFmpeg computes the duration of a WAV file from its actual size."""
    examined = examine(_cut(_written(tmp_path / "a.wav"), 0.5), tmp_path, watch_budget_s=60, pictures_budget_s=60)

    assert examined.is_audio_truncated
    assert "duration_s" not in examined.measurements


def test_bytes_after_the_end_do_not_make_a_file_cut_off(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.mp4", _FASTSTART)
    path.write_bytes(path.read_bytes() + np.random.default_rng(2).bytes(1000))

    assert not _is_cut(path)
