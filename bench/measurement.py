"""A measured figure and the promise about it."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """A figure; `at_most` or `at_least` is the promised limit, and `goal` is what we aim for. None if there is none."""

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    goal: float | None = None

    @property
    def promise(self) -> str | None:
        """The promise as text."""
        if self.at_most is None and self.at_least is None:
            return None
        bound = f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"
        return bound if self.goal is None else f"{bound}, goal {self.goal:g}"

    @property
    def is_kept(self) -> bool:
        """Whether the promise, if any, holds."""
        is_low_enough = self.at_most is None or self.value <= self.at_most
        return is_low_enough and (self.at_least is None or self.value >= self.at_least)

    @property
    def verdict(self) -> str:
        """The text of the table's last column."""
        if self.promise is None:
            return ""
        return "yes" if self.is_kept else "NO"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return asdict(self) | {"is_kept": self.is_kept}


def paired_ratio(first: Callable[[], object], second: Callable[[], object], *, runs: int) -> tuple[float, float]:
    """Run two callables alternately; returns the median time of the first in seconds and the median ratio first/second.

    The ratio is computed for each pair, because the machine may be shared and its speed may drift.
    """
    first_s: list[float] = []
    ratios: list[float] = []
    first()
    second()
    for _ in range(runs):
        one, other = _time_s(first), _time_s(second)
        first_s.append(one)
        ratios.append(one / other)
    return statistics.median(first_s), statistics.median(ratios)


def _time_s(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
