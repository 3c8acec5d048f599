"""`python -m local.samples.make`: generates the media files of the sample posts in this folder.

Pictures consist of a few shapes and music of a few sine waves, and the voices are the public-domain readings of
`speech/`, so no file needs a licence of others. The videos have hard cuts, all of which the worker should find.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

type Picture = NDArray[np.uint8]
"""An array of the shape (height, width, 3)."""
type Sound = NDArray[np.float32]
"""Mono samples at `RATE`, from -1 to 1."""
type Painter = Callable[[int, int, float], Picture]
"""Draws a picture of the given width and height at a time of the scene in seconds."""

SAMPLES = Path(__file__).parent
RATE = 16_000
_FPS = 24
_PORTRAIT = (360, 640)
_LANDSCAPE = (640, 360)

CLIPS_OF: dict[str, Sequence[str]] = {
    "reel-spoken.mp4": ("sense-and-sensibility-0870.flac", "sense-and-sensibility-0880.flac"),
    "tweet-spoken.mp4": ("sense-and-sensibility-0890.flac",),
    "short-spoken.mp4": (
        "sense-and-sensibility-0930.flac",
        "sense-and-sensibility-0920.flac",
    ),
}
"""The readings of each video with speech, in order."""


def spoken_text(filename: str) -> str:
    """Return the transcript of a sample video."""
    transcripts = json.loads((SAMPLES / "speech" / "transcripts.json").read_text(encoding="utf-8"))
    return " ".join(transcripts[clip] for clip in CLIPS_OF[filename])


def main() -> None:
    """Write every file, replacing the existing ones."""
    for filename, size in (
        ("reel-spoken.mp4", _PORTRAIT),
        ("tweet-spoken.mp4", _LANDSCAPE),
        ("short-spoken.mp4", _PORTRAIT),
    ):
        _write_video(filename, size, _speech(CLIPS_OF[filename]), scenes=(_sky, _stripes, _rings))
    _write_video("music.mp4", _PORTRAIT, _music(8.0), scenes=(_rings, _sky))
    _write_video("carousel-silent.mp4", _PORTRAIT, None, scenes=(_stripes, _rings), duration_s=4.0)
    for filename, painter in (
        ("photo.jpg", _sky),
        ("carousel-1.jpg", _stripes),
        ("carousel-2.jpg", _rings),
        ("cover.jpg", _sky),
    ):
        width, height = _LANDSCAPE if filename == "cover.jpg" else (720, 900)
        (SAMPLES / filename).write_bytes(_jpeg(painter(width, height, 1.0)))


# --- Pictures ----------------------------------------------------------------------------------------------------


def _grid(width: int, height: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return x and y of every pixel, in units of the shorter side, with the origin in the centre."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    side = min(width, height)
    return (x - width / 2) / side, (y - height / 2) / side


def _painted(*channels: NDArray[np.floating]) -> Picture:
    return (np.clip(np.stack(channels, axis=-1), 0, 1) * 255).astype(np.uint8)


def _sky(width: int, height: int, at_s: float) -> Picture:
    """A red kite that sways in front of a blue gradient."""
    x, y = _grid(width, height)
    kite_x, kite_y = 0.2 * np.sin(at_s), -0.1 + 0.1 * np.cos(1.3 * at_s)
    is_kite = (np.abs(x - kite_x) * 1.6 + np.abs(y - kite_y)) < 0.25  # noqa: PLR2004 - the size of the kite
    light = 0.75 - 0.25 * y
    return _painted(
        np.where(is_kite, 0.85, 0.35 * light), np.where(is_kite, 0.15, 0.6 * light), np.where(is_kite, 0.15, light)
    )


def _stripes(width: int, height: int, at_s: float) -> Picture:
    """Drifting diagonal orange stripes."""
    x, y = _grid(width, height)
    wave_of_light = 0.5 + 0.5 * np.sin(14 * (x + 0.5 * y) + 2 * at_s)
    return _painted(0.6 + 0.4 * wave_of_light, 0.3 + 0.35 * wave_of_light, np.full_like(x, 0.08))


def _rings(width: int, height: int, at_s: float) -> Picture:
    """Expanding dark green rings."""
    x, y = _grid(width, height)
    light = 0.5 + 0.5 * np.cos(22 * np.hypot(x, y) - 3 * at_s)
    return _painted(0.05 + 0.1 * light, 0.12 + 0.3 * light, 0.1 + 0.15 * light)


def _jpeg(picture: Picture) -> bytes:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, av.VideoCodecContext)  # noqa: S101 - narrows the type of a video codec
    codec.width, codec.height, codec.pix_fmt, codec.time_base = frame.width, frame.height, "yuvj420p", Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


# --- Sound ----------------------------------------------------------------------------------------------------


def _speech(clips: Sequence[str]) -> Sound:
    """Return the readings with pauses of half a second before, between and after them."""
    pause = np.zeros(RATE // 2, np.float32)
    return np.concatenate([pause, *[part for clip in clips for part in (_reading(clip), pause)]])


def _reading(clip: str) -> Sound:
    parts = []
    with av.open(str(SAMPLES / "speech" / clip), "r") as container:
        resampler = AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in container.decode(audio=0):
            parts += [resampled.to_ndarray()[0] for resampled in resampler.resample(frame)]
    return np.concatenate(parts)


def _music(duration_s: float) -> Sound:
    """Return a slow sequence of three-note chords with a beat and without speech."""
    time_s = np.arange(round(duration_s * RATE)) / RATE
    chords = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (196.0, 246.9, 329.6))
    chord_of = (time_s // 2).astype(int) % len(chords)
    notes = np.array(chords)[chord_of]
    tone = np.sin(2 * np.pi * notes * time_s[:, None]).sum(axis=1) * np.exp(-1.5 * (time_s % 1))
    beat = np.sin(2 * np.pi * 60 * time_s) * np.exp(-18 * (time_s % 0.5))
    return np.asarray(0.14 * tone + 0.3 * beat, np.float32)


# --- Files ----------------------------------------------------------------------------------------------------


def _write_video(
    filename: str, size: tuple[int, int], sound: Sound | None, *, scenes: Sequence[Painter], duration_s: float = 0.0
) -> None:
    """Encode a video with H.264 and AAC, the codecs of all three platforms; the scenes have equal durations."""
    if sound is not None:
        duration_s = len(sound) / RATE
    with av.open(str(SAMPLES / filename), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=_FPS, options={"crf": "30", "preset": "slow"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono") if sound is not None else None
        for picture in _pictures(size, scenes, duration_s):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None, :], format="fltp", layout="mono")
            frame.sample_rate = RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))


def _pictures(size: tuple[int, int], scenes: Sequence[Painter], duration_s: float) -> Iterator[Picture]:
    frames = round(duration_s * _FPS)
    for number in range(frames):
        yield scenes[number * len(scenes) // frames](*size, number / _FPS)


if __name__ == "__main__":
    main()
