"""Mixes two channels into one without cancelling channels of opposite phase."""

import numpy as np
from numpy.typing import NDArray

_HALF_FILTER_SAMPLES = 255
_BLOCK_SAMPLES = 16_384
_FFT_SAMPLES = 32_768


def _quadrature_filter() -> NDArray[np.float64]:
    """Return a Hilbert transformer, which shifts every frequency by 90 degrees and keeps its level."""
    steps = np.arange(-_HALF_FILTER_SAMPLES, _HALF_FILTER_SAMPLES + 1)
    ideal = np.zeros(steps.size)
    odd = steps % 2 != 0
    ideal[odd] = 2 / (np.pi * steps[odd])
    return ideal * np.blackman(steps.size)


_FILTER = np.fft.rfft(_quadrature_filter(), _FFT_SAMPLES)


class QuadratureDownmix:
    """Adds the right channel, shifted by 90 degrees, to the left one, so that their power adds up at any phase.

    The mean of the two channels would be silent where their phases are opposite. Speech recognition and voice detection
    use the levels of frequencies, which the shift keeps.
    """

    def __init__(self) -> None:
        self._pending = np.zeros((_HALF_FILTER_SAMPLES, 2), np.float32)

    def add(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mix samples of shape (samples, 2), and return the mono samples that are ready."""
        self._pending = np.concatenate([self._pending, stereo])
        ready = []
        while len(self._pending) >= _BLOCK_SAMPLES:
            ready.append(_mixed(self._pending[:_BLOCK_SAMPLES]))
            self._pending = self._pending[_BLOCK_SAMPLES - 2 * _HALF_FILTER_SAMPLES :]
        return np.concatenate(ready) if ready else np.zeros(0, np.float32)

    def flush(self) -> NDArray[np.float32]:
        """Return the remaining samples."""
        rest = np.concatenate([self.add(np.zeros((_HALF_FILTER_SAMPLES, 2), np.float32)), _mixed(self._pending)])
        self._pending = np.zeros((_HALF_FILTER_SAMPLES, 2), np.float32)
        return rest


def _mixed(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mix of a block without `_HALF_FILTER_SAMPLES` at each end, where the filter lacks context."""
    if len(block) <= 2 * _HALF_FILTER_SAMPLES:
        return np.zeros(0, np.float32)
    shifted = np.fft.irfft(np.fft.rfft(block[:, 1], _FFT_SAMPLES) * _FILTER, _FFT_SAMPLES)[
        2 * _HALF_FILTER_SAMPLES : len(block)
    ]
    mixed: NDArray[np.float32] = ((block[_HALF_FILTER_SAMPLES:-_HALF_FILTER_SAMPLES, 0] + shifted) / np.sqrt(2)).astype(
        np.float32
    )
    return mixed
