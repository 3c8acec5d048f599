"""Sound: what speech recognition listens to, and how loud it is.

Loudness is FFmpeg's `ebur128` (EBU R 128, ITU-R BS.1770-4): it measures while the sound streams by, in constant memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from .container import FFMPEG_ERRORS, UnreadableMedia, sound_of
from .untrusted_files import open_untrusted

SAMPLE_RATE = 16_000
"""What Whisper and its voice detection listen to, mono."""
MAX_AUDIO_S = 3600.0
"""What is listened to at most; 230 MB of samples."""
MAX_SAMPLES_BYTES = 300_000_000
HOOK_S = 3.0
_BYTES_A_SAMPLE = 4
_MAX_BROKEN_PACKETS = 50
_SILENT_DBFS = -50.0
_WINDOW_S = 0.1
_UNMEASURED_LUFS = -69.9
"""`ebur128` says -70 until it has heard something above its gate."""

type Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """What was heard of a file; its samples are in the file it was written to."""

    duration_s: float
    is_truncated: bool
    """Whether the file goes on after what was heard."""
    problem: str | None
    """What ended the sound early, where anything did."""
    loudness_lufs: float | None
    hook_loudness_lufs: float | None


def read_samples(path: Path) -> Samples:
    """Return what `extract_sound` has written; a decoder may be made to give numbers that no sound has.

    Raises:
        UnreadableMedia: it is not what `extract_sound` can have written.
    """
    with open_untrusted(path, max_bytes=MAX_SAMPLES_BYTES) as file:
        samples = np.fromfile(file, dtype=np.float32)
    return np.nan_to_num(samples, posinf=1.0, neginf=-1.0).clip(-1.0, 1.0)


def silence_share(samples: Samples) -> float | None:
    """Return the share of tenths of a second whose level is below -50 dBFS, 0 to 1; None for less than a tenth."""
    window = round(SAMPLE_RATE * _WINDOW_S)
    windows = samples[: samples.size // window * window].reshape(-1, window)
    if not windows.size:
        return None
    power = np.einsum("ij,ij->i", windows, windows, dtype=np.float64) / window
    return float(np.mean(power < 10 ** (_SILENT_DBFS / 10)))


def extract_sound(container: InputContainer, into: Path, *, max_s: float = MAX_AUDIO_S) -> Sound | None:
    """Write the first audio stream as 16 kHz mono float32, starting at the start of the file, and measure it.

    Returns:
        None when there is no audio stream that can be decoded.

    Raises:
        UnreadableMedia: nothing of it can be decoded.
    """
    stream = sound_of(container)
    if stream is None:
        return None
    meter = _LoudnessMeter()
    limit, written, problem = round(max_s * SAMPLE_RATE), 0, None
    with into.open("wb") as file:
        try:
            for samples in _resampled(container, stream, meter):
                written += file.write(samples) // _BYTES_A_SAMPLE
                if written >= limit:
                    break
        except FFMPEG_ERRORS:
            problem = "The sound is damaged; what follows the damage was not heard."
    if not written:
        raise UnreadableMedia("The sound cannot be decoded.")
    return Sound(
        duration_s=written / SAMPLE_RATE,
        is_truncated=written >= limit,
        problem=problem,
        loudness_lufs=meter.whole_lufs,
        hook_loudness_lufs=meter.hook_lufs,
    )


def _resampled(container: InputContainer, stream: AudioStream, meter: "_LoudnessMeter") -> Iterator[bytes]:
    """Let the meter hear everything, and yield it as 16 kHz mono float32."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    is_first = True
    for frame in _frames(container, stream):
        if is_first:
            yield bytes(_BYTES_A_SAMPLE * _silence_before(frame, container))
            is_first = False
        meter.hear(frame)
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray().tobytes()
    for resampled in resampler.resample(None):
        yield resampled.to_ndarray().tobytes()


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decode packet by packet: a broken one is left out, as players do."""
    broken = 0
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            broken += 1
            if broken > _MAX_BROKEN_PACKETS:
                raise


def _silence_before(frame: AudioFrame, container: InputContainer) -> int:
    """Return how many samples the first frame comes after the file's start, so that times agree with the pictures'."""
    start_s = (container.start_time or 0) / av.time_base
    offset_s = (frame.time or 0.0) - start_s
    return round(offset_s * SAMPLE_RATE) if 0 < offset_s <= MAX_AUDIO_S else 0


class _LoudnessMeter:
    """Integrated loudness of everything heard so far, and as it was after the first three seconds."""

    def __init__(self) -> None:
        self._graph: av.filter.Graph | None = None
        self._measured_s = 0.0
        self._whole: float | None = None
        self._hook: float | None = None

    @property
    def whole_lufs(self) -> float | None:
        return self._whole

    @property
    def hook_lufs(self) -> float | None:
        """None for a sound of less than three seconds, whose loudness is that of the whole."""
        return self._hook if self._measured_s >= HOOK_S else self._whole

    def hear(self, frame: AudioFrame) -> None:
        if self._graph is None:
            self._graph = _loudness_graph(frame)
        self._graph.push(frame)
        while True:
            try:
                measured = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if isinstance(measured, AudioFrame):
                self._note(measured)

    def _note(self, measured: AudioFrame) -> None:
        lufs = float(measured.metadata.get("lavfi.r128.I", "-70"))
        self._whole = round(lufs, 2) if lufs > _UNMEASURED_LUFS else None
        self._measured_s += measured.samples / measured.sample_rate
        if self._measured_s <= HOOK_S + _WINDOW_S / 2:
            self._hook = self._whole


def _loudness_graph(frame: AudioFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate, format=frame.format.name, layout=frame.layout.name, time_base=frame.time_base
    )
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    return graph
