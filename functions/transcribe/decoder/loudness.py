"""Measures loudness with FFmpeg's `ebur128` (EBU R 128, ITU-R BS.1770-4) while decoding, in constant memory."""

from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame

HOOK_S = 3.0
_WINDOW_S = 0.1
_UNMEASURED_LUFS = -69.9
"""`ebur128` reports -70 until a sound passes its gate."""
_MAX_SILENCE_S = 4.0
"""The gate drops silence, so a longer one changes neither measurement."""


class LoudnessMeter:
    """Integrated loudness of all frames so far, and of the first three seconds.

    The filter accepts only one format. Frames are therefore converted to the rate of the first frame and to stereo,
    which keeps the power of one channel. A sound that changes its format is thus measured as one sound.
    """

    def __init__(self) -> None:
        self._graph: av.filter.Graph | None = None
        self._resampler: av.AudioResampler | None = None
        self._format: tuple[int, str, str] | None = None
        self._rate = 0
        self._layout = ""
        self._measured_s = 0.0
        self._whole_lufs: float | None = None
        self._hook_lufs: float | None = None

    @property
    def whole_lufs(self) -> float | None:
        """Integrated loudness; None for silence."""
        return self._whole_lufs

    @property
    def hook_lufs(self) -> float | None:
        """Loudness of the first three seconds, or of the whole sound if it is shorter."""
        return self._hook_lufs if self._measured_s >= HOOK_S else self._whole_lufs

    def add(self, frame: AudioFrame) -> None:
        """Measure a frame of sound."""
        for converted in self._converted(frame):
            self._measure(converted)

    def add_silence(self, seconds: float) -> None:
        """Measure a gap between two frames as silence."""
        if self._graph is None:  # before the first frame
            self._measured_s += seconds
            return
        samples = round(min(seconds, _MAX_SILENCE_S) * self._rate)
        channels = av.AudioLayout(self._layout).nb_channels
        frame = AudioFrame.from_ndarray(np.zeros((channels, samples), np.float32), format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        self._measure(frame)

    def _converted(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        frame_format = (frame.sample_rate, frame.format.name, frame.layout.name)
        if frame_format != self._format:
            if self._resampler is not None:
                yield from self._resampler.resample(None)
            self._format = frame_format
            self._rate = self._rate or frame.sample_rate
            self._layout = self._layout or (frame.layout.name if frame.layout.nb_channels > 2 else "stereo")  # noqa: PLR2004 - stereo
            self._resampler = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        if self._resampler is not None:
            yield from self._resampler.resample(frame)

    def _measure(self, frame: AudioFrame) -> None:
        if self._graph is None:
            self._graph = _loudness_graph(self._rate, self._layout)
        frame.pts = None
        self._graph.push(frame)
        while True:
            try:
                measured = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if isinstance(measured, AudioFrame):
                self._record(measured)

    def _record(self, measured: AudioFrame) -> None:
        lufs = float(measured.metadata.get("lavfi.r128.I", "-70"))
        self._whole_lufs = round(lufs, 2) if lufs > _UNMEASURED_LUFS else None
        self._measured_s += measured.samples / measured.sample_rate
        if self._measured_s <= HOOK_S + _WINDOW_S / 2:
            self._hook_lufs = self._whole_lufs


def _loudness_graph(rate: int, layout: str) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="fltp", layout=layout)
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    return graph
