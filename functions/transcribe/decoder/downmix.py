"""One channel from two, in which channels of opposite phase do not cancel each other."""

import numpy as np
from numpy.typing import NDArray

_HALF = 255
_BLOCK = 16_384
_SPECTRUM = 32_768


def _quadrature_filter() -> NDArray[np.float64]:
    """Return a Hilbert transformer: it turns the phase of every frequency by 90 degrees and keeps its level."""
    steps = np.arange(-_HALF, _HALF + 1)
    ideal = np.zeros(steps.size)
    odd = steps % 2 != 0
    ideal[odd] = 2 / (np.pi * steps[odd])
    return ideal * np.blackman(steps.size)


_FILTER = np.fft.rfft(_quadrature_filter(), _SPECTRUM)


class QuadratureDownmix:
    """Adds the left channel to the right one turned by 90 degrees, so that power adds up at any phase.

    The mean of two channels is silent where they are opposite, and misses what only they have in opposite phase.
    Speech recognition and voice detection use the levels of frequencies, which the turn keeps.
    """

    def __init__(self) -> None:
        self._held = np.zeros((_HALF, 2), np.float32)

    def add(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is ready of one channel; `stereo` has the shape (samples, 2)."""
        self._held = np.concatenate([self._held, stereo])
        ready = []
        while len(self._held) >= _BLOCK:
            ready.append(_mixed(self._held[:_BLOCK]))
            self._held = self._held[_BLOCK - 2 * _HALF :]
        return np.concatenate(ready) if ready else np.zeros(0, np.float32)

    def flush(self) -> NDArray[np.float32]:
        """Return the rest."""
        rest = np.concatenate([self.add(np.zeros((_HALF, 2), np.float32)), _mixed(self._held)])
        self._held = np.zeros((_HALF, 2), np.float32)
        return rest


def _mixed(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the part of a block whose surroundings are known: without `_HALF` samples at each end."""
    if len(block) <= 2 * _HALF:
        return np.zeros(0, np.float32)
    turned = np.fft.irfft(np.fft.rfft(block[:, 1], _SPECTRUM) * _FILTER, _SPECTRUM)[2 * _HALF : len(block)]
    mixed: NDArray[np.float32] = ((block[_HALF:-_HALF, 0] + turned) / np.sqrt(2)).astype(np.float32)
    return mixed
