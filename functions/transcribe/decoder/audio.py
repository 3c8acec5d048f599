"""Sound as speech recognition takes it: one channel, 16 kHz, every sample at its time on the file's clock."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from functions.transcribe.decoder.downmix import QuadratureDownmix
from functions.transcribe.decoder.loudness import LoudnessMeter

from .container import FFMPEG_ERRORS, UnreadableMedia, sounds_of
from .untrusted_files import open_untrusted

SAMPLE_RATE = 16_000
"""What Whisper and its voice detection take, mono."""
MAX_AUDIO_S = 3600.0
"""What is heard at most; 230 MB of samples."""
MAX_SAMPLES_BYTES = 300_000_000
_BYTES_A_SAMPLE = 4
_SILENT_DBFS = -50.0
_WINDOW_S = 0.1
_MAX_LOST_S = 0.2
"""The shortest word. An MP3 that begins in the middle of a stream has one or two frames that nothing can decode."""
_MAX_JITTER_S = 0.1
"""How far timestamps and the number of samples may differ before the timestamps count."""
_WITHOUT_CLOCK = frozenset({"mp3", "aac", "wav", "flac"})
"""Formats that hold no timestamps: FFmpeg computes some from the first rate, which may change."""
_MONO = 1

type Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """What was heard of a file; its samples are in the file they were written to."""

    duration_s: float
    is_truncated: bool
    """Whether the file goes on after what was heard."""
    problem: str | None
    """Why something of it could not be heard, where that is so."""
    loudness_lufs: float | None
    hook_loudness_lufs: float | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the stream is missing."""
        return not self.is_truncated and self.problem is None


def read_samples(path: Path) -> Samples:
    """Return what `extract_sound` has written; a decoder may be made to write numbers that no sound has.

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


def extract_sound(
    container: InputContainer, into: Path, *, stream: AudioStream | None = None, max_s: float = MAX_AUDIO_S
) -> Sound | None:
    """Write a stream of sound as 16 kHz mono float32, starting at the start of the file, and measure its loudness.

    Args:
        container: the open file.
        into: where the samples are written.
        stream: one of `sounds_of`; None takes the default one.
        max_s: how much is heard at most, in seconds.

    Returns:
        None when there is no sound that can be decoded.

    Raises:
        UnreadableMedia: nothing of it can be decoded.
        OSError: it cannot be written.
    """
    stream = stream or next(iter(sounds_of(container)), None)
    if stream is None:
        return None
    decoder, meter = _Decoder(container, stream), LoudnessMeter()
    limit, written = round(max_s * SAMPLE_RATE), 0
    with into.open("wb") as file:
        for samples in decoder.samples(meter, limit=limit):
            written += file.write(samples[: limit - written].tobytes()) // _BYTES_A_SAMPLE
            if written >= limit:
                break
    if not written:
        raise UnreadableMedia("The sound cannot be decoded.")
    return Sound(
        duration_s=written / SAMPLE_RATE,
        is_truncated=written >= limit,
        problem=decoder.problem,
        loudness_lufs=meter.whole_lufs,
        hook_loudness_lufs=meter.hook_lufs,
    )


class _Decoder:
    """Decodes a stream packet by packet; a broken packet is left out, as players do, and its length is noted."""

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._container = container
        self._stream = stream
        self._lost_s = 0.0
        self._is_broken_off = False

    @property
    def problem(self) -> str | None:
        """A sentence for the user about what could not be decoded."""
        if self._is_broken_off:
            return "The sound is damaged; what follows the damage was not heard."
        if self._lost_s > _MAX_LOST_S:
            return "The sound is damaged; parts of it were not heard."
        return None

    def samples(self, meter: LoudnessMeter, *, limit: int) -> Iterator[Samples]:
        """Yield 16 kHz mono samples; the meter gets all frames as they are."""
        timeline = _Timeline(self._container, meter, limit=limit)
        try:
            for frame in self._frames():
                yield from timeline.add(frame)
            yield from timeline.end()
        except FFMPEG_ERRORS:
            self._is_broken_off = True
            with suppress(*FFMPEG_ERRORS):
                yield from timeline.end()

    def _frames(self) -> Iterator[AudioFrame]:
        for packet in self._container.demux(self._stream):
            is_lost = packet.is_corrupt
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                is_lost = True
            if is_lost:
                length = packet.duration or 0
                self._lost_s += float(length * packet.time_base) if packet.time_base else 0.0


class _Timeline:
    """Places frames on the file's clock: holes in the timestamps become silence, and formats may change."""

    def __init__(self, container: InputContainer, meter: LoudnessMeter, *, limit: int) -> None:
        self._start_s = (container.start_time or 0) / av.time_base
        self._has_clock = container.format.name not in _WITHOUT_CLOCK
        self._meter = meter
        self._limit = limit
        self._converter: _Converter | None = None
        self._until_s = 0.0
        """Where the sound so far ends."""
        self._written = 0
        self._shift_s = 0.0
        """What is added to timestamps that have gone back: nothing is heard twice, and nothing is dropped."""

    def add(self, frame: AudioFrame) -> Iterator[Samples]:
        """Yield the silence before a frame and what is ready of the frame."""
        at_s = self._time_of(frame)
        gap_s = at_s - self._until_s
        if gap_s > _MAX_JITTER_S or (self._converter is None and gap_s > 0):
            yield from self.end()
            yield from self._silence_until(at_s)
            self._meter.add_silence(gap_s)
            self._until_s = at_s
        if self._converter is None or not self._converter.takes(frame):
            yield from self.end()
            self._converter = _Converter(frame)
        self._meter.add(frame)
        self._until_s += frame.samples / frame.sample_rate
        yield self._counted(self._converter.add(frame))

    def end(self) -> Iterator[Samples]:
        """Yield what is held back."""
        if self._converter is not None:
            converter, self._converter = self._converter, None
            yield self._counted(converter.flush())

    def _time_of(self, frame: AudioFrame) -> float:
        if frame.time is None or not self._has_clock:
            return self._until_s
        at_s = frame.time - self._start_s
        if abs(at_s - self._until_s) <= _MAX_JITTER_S:
            self._shift_s = 0.0
        elif at_s + self._shift_s < self._until_s - _MAX_JITTER_S:
            self._shift_s = self._until_s - at_s
        return at_s + self._shift_s

    def _silence_until(self, at_s: float) -> Iterator[Samples]:
        missing = min(round(at_s * SAMPLE_RATE), self._limit) - self._written
        while missing > 0:
            yield self._counted(np.zeros(min(missing, SAMPLE_RATE), np.float32))
            missing -= SAMPLE_RATE

    def _counted(self, samples: Samples) -> Samples:
        self._written += samples.size
        return samples


class _Converter:
    """Makes 16 kHz mono of frames of one format."""

    def __init__(self, frame: AudioFrame) -> None:
        self._format = _format_of(frame)
        is_mono = frame.layout.nb_channels == _MONO
        self._resampler = av.AudioResampler(format="flt", layout="mono" if is_mono else "stereo", rate=SAMPLE_RATE)
        self._downmix = None if is_mono else QuadratureDownmix()

    def takes(self, frame: AudioFrame) -> bool:
        """Whether a frame has the format of the first one."""
        return _format_of(frame) == self._format

    def add(self, frame: AudioFrame) -> Samples:
        """Return what is ready."""
        return self._mixed(frame)

    def flush(self) -> Samples:
        """Return the rest; the converter takes no frame after that."""
        rest = self._mixed(None)
        return rest if self._downmix is None else np.concatenate([rest, self._downmix.flush()])

    def _mixed(self, frame: AudioFrame | None) -> Samples:
        pieces = [resampled.to_ndarray().ravel() for resampled in self._resampler.resample(frame)]
        samples = np.concatenate([np.zeros(0, np.float32), *pieces])
        return samples if self._downmix is None else self._downmix.add(samples.reshape(-1, 2))


def _format_of(frame: AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name
