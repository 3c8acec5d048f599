from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from functions.transcribe.decoder.audio import SAMPLE_RATE, Samples, Sound, extract_sound, read_samples, silence_share
from functions.transcribe.decoder.container import open_media
from functions.transcribe.decoder.examination import AUDIO
from tests.fixtures.media_files import SOUND_RATE, silence, speech, tone, write_media

MEDIA = Path(__file__).parents[1] / "media"


def _extract(path: Path, folder: Path) -> tuple[Sound, Samples]:
    with open_media(path) as container:
        sound = extract_sound(container, folder / AUDIO)
    assert sound is not None
    return sound, read_samples(folder / AUDIO)


def _write(
    path: Path, pieces: Sequence[tuple[float, np.ndarray]], *, codec: str, layout: str = "mono", size: int = 1024
) -> Path:
    """Write an audio file with pieces of sound at the given times in seconds."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream(codec, rate=SOUND_RATE, layout=layout)
        for at_s, channels in pieces:
            size = stream.frame_size or size
            for start in range(0, channels.shape[1] - size + 1, size):
                piece = np.ascontiguousarray(channels[:, start : start + size], np.float32)
                frame = AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
                frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
                frame.pts = round(at_s * SOUND_RATE) + start
                file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _level_at(samples: Samples, start_s: float, end_s: float) -> float:
    return float(np.abs(samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]).max())


def _edges(samples: Samples) -> list[float]:
    """Return the times at which a tone begins or ends, to a twentieth of a second."""
    window = SAMPLE_RATE // 20
    loud = np.abs(samples[: samples.size // window * window]).reshape(-1, window).max(axis=1) > 0.02
    return [float(at + 1) / 20 for at in np.flatnonzero(np.diff(loud))]


@pytest.mark.parametrize("name", ["mixedrate.mp3", "monostereo.mp3"])
def test_a_sound_whose_format_changes_is_extracted_to_its_end(name: str, tmp_path: Path) -> None:
    sound, samples = _extract(MEDIA / name, tmp_path)

    assert sound.is_whole
    assert sound.duration_s == pytest.approx(12.45, abs=0.1)
    assert _level_at(samples, 7.5, 12) > 0.1
    assert sound.loudness_lufs == pytest.approx(-25.3, abs=0.5)


def test_samples_stay_in_place_across_every_change_of_format(tmp_path: Path) -> None:
    """Five formats in one MP3 stream, as in a concatenation of files."""
    path = tmp_path / "a.mp3"
    content = b""
    for number, (rate, layout) in enumerate(
        [(44_100, "stereo"), (48_000, "mono"), (32_000, "stereo"), (24_000, "mono"), (44_100, "mono")]
    ):
        piece = tmp_path / f"{number}.mp3"
        with av.open(str(piece), "w", options={"write_xing": "0", "id3v2_version": "0"}) as file:
            stream: Any = file.add_stream("libmp3lame", rate=rate, layout=layout)
            count = 2 if layout == "stereo" else 1
            wave = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32) * 0.2
            frame = AudioFrame.from_ndarray(np.stack([wave] * count), format="fltp", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        content += piece.read_bytes()
    path.write_bytes(content)

    sound, samples = _extract(path, tmp_path)

    assert sound.problem is None
    assert sound.duration_s == pytest.approx(5.3, abs=0.4)
    assert (silence_share(samples) or 0) < 0.1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_a_gap_in_the_timestamps_becomes_silence(name: str, tmp_path: Path) -> None:
    beep = tone(1.0)[None]
    codec = "libopus" if name.endswith("webm") else "aac"
    path = _write(tmp_path / name, [(0.0, beep), (4.0, beep), (9.0, beep)], codec=codec)

    sound, samples = _extract(path, tmp_path)

    assert sound.duration_s == pytest.approx(10.0, abs=0.1)
    assert _edges(samples) == pytest.approx([1.0, 4.0, 5.0, 9.0], abs=0.11)
    assert silence_share(samples) == pytest.approx(0.7, abs=0.03)


def test_many_small_gaps_in_the_timestamps_add_up(tmp_path: Path) -> None:
    pieces = [(number * 0.3, tone(0.25)[None]) for number in range(20)]
    path = _write(tmp_path / "a.mkv", [*pieces, (10.0, tone(1.0, hertz=880)[None])], codec="pcm_s16le")

    _, samples = _extract(path, tmp_path)

    assert _edges(samples)[-1] == pytest.approx(10.0, abs=0.1)


def test_a_gap_counts_towards_the_loudness_of_the_first_seconds(tmp_path: Path) -> None:
    """A second of quiet tone, a gap, and from 3.5 s a loud tone, which is not part of the hook."""
    pieces = [(0.0, tone(1.0, level=0.02)[None]), (3.5, tone(2.0, level=0.5)[None])]
    path = _write(tmp_path / "a.mkv", pieces, codec="pcm_s16le")

    sound, _ = _extract(path, tmp_path)

    assert sound.loudness_lufs is not None
    assert sound.hook_loudness_lufs is not None
    assert sound.loudness_lufs - sound.hook_loudness_lufs > 15


def test_no_sound_is_lost_when_timestamps_jump_back(tmp_path: Path) -> None:
    """Three blocks of one second; the timestamps of the last one start at 0.5 s."""
    content = _write(tmp_path / "whole.mkv", [(0.0, tone(3.0)[None])], codec="pcm_s16le", size=SOUND_RATE).read_bytes()
    track, key_frame = b"\x81", b"\x80"
    last = track + (2000).to_bytes(2) + key_frame
    assert content.count(last) == 1
    path = tmp_path / "a.mkv"
    path.write_bytes(content.replace(last, track + (500).to_bytes(2) + key_frame))

    sound, samples = _extract(path, tmp_path)

    assert sound.duration_s == pytest.approx(3.0, abs=0.05)
    assert _edges(samples) == []


def _placed(name: str) -> np.ndarray:
    wave = speech("0890", rate=SOUND_RATE)
    half = wave.size // 2
    rng = np.random.default_rng(3)
    music = 0.01 * np.sin(2 * np.pi * 523 * np.arange(wave.size) / SOUND_RATE).astype(np.float32)
    return {
        "opposite": np.stack([wave, -wave]),
        "opposite and unequal": np.stack([wave, -0.8 * wave]),
        "opposite from the middle on": np.stack([wave, np.concatenate([wave[:half], -wave[half:]])]),
        "opposite over noise": np.stack([wave, -wave]) + rng.normal(0, 0.003, wave.size).astype(np.float32),
        "opposite over music in phase": np.stack([wave + music, music - wave]),
        "left": np.stack([wave, np.zeros_like(wave)]),
        "right": np.stack([np.zeros_like(wave), wave]),
        "same": np.stack([wave, wave]),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "opposite",
        "opposite and unequal",
        "opposite from the middle on",
        "opposite over noise",
        "opposite over music in phase",
        "left",
        "right",
        "same",
    ],
)
def test_stereo_channels_do_not_cancel_each_other(name: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.mkv", [(0.0, _placed(name))], codec="pcm_s16le", layout="stereo")

    _, samples = _extract(path, tmp_path)

    one = speech("0890")
    spectrum, expected = (np.abs(np.fft.rfft(sound[: one.size - 1000])) for sound in (samples, one))
    band = slice(200 * one.size // SAMPLE_RATE, 3500 * one.size // SAMPLE_RATE)
    assert np.corrcoef(spectrum[band], expected[band])[0, 1] > 0.75
    assert 0.5 < np.std(samples) / np.std(one) < 2


def test_sound_in_six_channels_is_extracted(tmp_path: Path) -> None:
    wave = tone(1.0)
    channels = np.stack([wave, -wave, 0 * wave, 0 * wave, wave, -wave])
    path = _write(tmp_path / "a.mkv", [(0.0, channels)], codec="pcm_s16le", layout="5.1")

    _, samples = _extract(path, tmp_path)

    assert (silence_share(samples) or 0) < 0.05


def test_packets_that_cannot_be_decoded_are_reported(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", sound=np.concatenate([tone(4)]))
    content = bytearray(path.read_bytes())
    at = content.index(b"mdat") + 4
    middle = at + (len(content) - at) // 3
    content[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    path.write_bytes(content)

    sound, _ = _extract(path, tmp_path)

    assert sound.problem == "The sound is damaged; parts of it were not analysed."
    assert not sound.is_whole


def test_silence_before_the_sound_is_part_of_the_hook(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", sound=np.concatenate([silence(2.0), tone(3.0)]), codecs=("", "pcm_s16le"))

    sound, samples = _extract(path, tmp_path)

    assert _edges(samples)[0] == pytest.approx(2.0, abs=0.1)
    assert sound.hook_loudness_lufs is not None
