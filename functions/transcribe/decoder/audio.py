"""Extracts sound for speech recognition: one channel, 16 kHz, each sample at its time on the file's clock."""

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
"""The sample rate of Whisper and its voice detection, which take mono."""
MAX_AUDIO_S = 3600.0
"""The maximum length that is extracted: 230 MB of samples."""
MAX_SAMPLES_BYTES = 300_000_000
_BYTES_PER_SAMPLE = 4
_SILENT_DBFS = -50.0
_WINDOW_S = 0.1
_MAX_MISSING_S = 0.2
"""The length of the shortest word. An MP3 cut from a stream begins with one or two frames that cannot be decoded."""
_MAX_JITTER_S = 0.1
"""A larger difference between timestamps and the number of samples is a gap or an overlap; a smaller one is ignored."""
_FORMATS_WITHOUT_TIMESTAMPS = frozenset({"mp3", "aac", "wav", "flac"})
"""Formats without timestamps. FFmpeg computes timestamps from the first sample rate, which may change later."""
_MONO = 1

type Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound extracted from a file. The samples are in a file of their own."""

    duration_s: float
    is_truncated: bool
    """Whether the extraction stopped at its limit, before the end of the sound."""
    problem: str | None
    """A sentence for the user about parts that could not be decoded, or None."""
    loudness_lufs: float | None
    hook_loudness_lufs: float | None

    @property
    def is_whole(self) -> bool:
        """Whether the whole stream was extracted."""
        return not self.is_truncated and self.problem is None


def read_samples(path: Path) -> Samples:
    """Read samples that `extract_sound` wrote. Invalid numbers are replaced: a hostile file may produce them.

    Raises:
        UnreadableMedia: the file cannot come from `extract_sound`.
    """
    with open_untrusted(path, max_bytes=MAX_SAMPLES_BYTES) as file:
        samples = np.fromfile(file, dtype=np.float32)
    return np.nan_to_num(samples, posinf=1.0, neginf=-1.0).clip(-1.0, 1.0)


def silence_share(samples: Samples) -> float | None:
    """Return the share, 0 to 1, of 0.1 s windows with a level below -50 dBFS; None for less than one window."""
    window = round(SAMPLE_RATE * _WINDOW_S)
    windows = samples[: samples.size // window * window].reshape(-1, window)
    if not windows.size:
        return None
    power = np.einsum("ij,ij->i", windows, windows, dtype=np.float64) / window
    return float(np.mean(power < 10 ** (_SILENT_DBFS / 10)))


def extract_sound(
    container: InputContainer, into: Path, *, stream: AudioStream | None = None, max_s: float = MAX_AUDIO_S
) -> Sound | None:
    """Write an audio stream as 16 kHz mono float32 from the start of the file, and measure its loudness.

    Args:
        container: the open file.
        into: the file to write the samples to.
        stream: one of `sounds_of`; None selects the default stream.
        max_s: the maximum length in seconds.

    Returns:
        None if the file has no audio stream that can be decoded.

    Raises:
        UnreadableMedia: no sample of the stream can be decoded.
        OSError: the samples cannot be written.
    """
    stream = stream or next(iter(sounds_of(container)), None)
    if stream is None:
        return None
    decoder, meter = _Decoder(container, stream), LoudnessMeter()
    limit, written = round(max_s * SAMPLE_RATE), 0
    with into.open("wb") as file:
        for samples in decoder.samples(meter, limit=limit):
            written += file.write(samples[: limit - written].tobytes()) // _BYTES_PER_SAMPLE
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
    """Decodes a stream packet by packet. It skips broken packets, as players do, and adds up their length."""

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._container = container
        self._stream = stream
        self._missing_s = 0.0
        self._has_stopped_early = False

    @property
    def problem(self) -> str | None:
        """A sentence for the user about parts that could not be decoded, or None."""
        if self._has_stopped_early:
            return "The sound is damaged; the part after the damage was not analysed."
        if self._missing_s > _MAX_MISSING_S:
            return "The sound is damaged; parts of it were not analysed."
        return None

    def samples(self, meter: LoudnessMeter, *, limit: int) -> Iterator[Samples]:
        """Yield 16 kHz mono samples, and pass the original frames to the meter."""
        timeline = _Timeline(self._container, meter, limit=limit)
        try:
            for frame in self._frames():
                yield from timeline.add(frame)
            yield from timeline.finish()
        except FFMPEG_ERRORS:
            self._has_stopped_early = True
            with suppress(*FFMPEG_ERRORS):
                yield from timeline.finish()

    def _frames(self) -> Iterator[AudioFrame]:
        for packet in self._container.demux(self._stream):
            is_broken = packet.is_corrupt
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                is_broken = True
            if is_broken:
                length = packet.duration or 0
                self._missing_s += float(length * packet.time_base) if packet.time_base else 0.0


class _Timeline:
    """Places frames on the file's clock. Gaps between timestamps become silence. The format may change at any frame."""

    def __init__(self, container: InputContainer, meter: LoudnessMeter, *, limit: int) -> None:
        self._start_s = (container.start_time or 0) / av.time_base
        self._has_timestamps = container.format.name not in _FORMATS_WITHOUT_TIMESTAMPS
        self._meter = meter
        self._limit = limit
        self._converter: _Converter | None = None
        self._until_s = 0.0
        """The end of the sound so far."""
        self._written = 0
        self._shift_s = 0.0
        """The correction for timestamps that jump back, so that no sample is repeated or dropped."""

    def add(self, frame: AudioFrame) -> Iterator[Samples]:
        """Yield the silence before a frame, then the samples that are ready."""
        at_s = self._time_of(frame)
        gap_s = at_s - self._until_s
        if gap_s > _MAX_JITTER_S or (self._converter is None and gap_s > 0):
            yield from self.finish()
            yield from self._silence_until(at_s)
            self._meter.add_silence(gap_s)
            self._until_s = at_s
        if self._converter is None or not self._converter.accepts(frame):
            yield from self.finish()
            self._converter = _Converter(frame)
        self._meter.add(frame)
        self._until_s += frame.samples / frame.sample_rate
        yield self._counted(self._converter.add(frame))

    def finish(self) -> Iterator[Samples]:
        """Yield the samples that the converter still holds."""
        if self._converter is not None:
            converter, self._converter = self._converter, None
            yield self._counted(converter.flush())

    def _time_of(self, frame: AudioFrame) -> float:
        if frame.time is None or not self._has_timestamps:
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
    """Converts frames of one format to 16 kHz mono."""

    def __init__(self, frame: AudioFrame) -> None:
        self._format = _format_of(frame)
        is_mono = frame.layout.nb_channels == _MONO
        self._resampler = av.AudioResampler(format="flt", layout="mono" if is_mono else "stereo", rate=SAMPLE_RATE)
        self._downmix = None if is_mono else QuadratureDownmix()

    def accepts(self, frame: AudioFrame) -> bool:
        """Whether a frame has the same format as the first one."""
        return _format_of(frame) == self._format

    def add(self, frame: AudioFrame) -> Samples:
        """Convert a frame and return the samples that are ready."""
        return self._mixed(frame)

    def flush(self) -> Samples:
        """Return the remaining samples. The converter accepts no frame after that."""
        rest = self._mixed(None)
        return rest if self._downmix is None else np.concatenate([rest, self._downmix.flush()])

    def _mixed(self, frame: AudioFrame | None) -> Samples:
        pieces = [resampled.to_ndarray().ravel() for resampled in self._resampler.resample(frame)]
        samples = np.concatenate([np.zeros(0, np.float32), *pieces])
        return samples if self._downmix is None else self._downmix.add(samples.reshape(-1, 2))


def _format_of(frame: AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name
