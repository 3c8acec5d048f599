"""The bounded timeline of a medium: where its cuts are, and how loud it is from start to end."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from .audio import SAMPLE_RATE, Samples

VERSION = 1
"""The method version; docs/metrics.md defines it."""
MAX_CUTS = 500
MAX_LEVELS = 200
MIN_WINDOW_S = 0.1
SILENT_DBFS = -90.0
"""The lowest level: a quieter window, also one of digital silence, has this one."""
_MAX_S = 1_000_000.0

type _Position = Annotated[float, Field(ge=0, le=_MAX_S)]
type _Level = Annotated[float, Field(ge=SILENT_DBFS, le=0)]


class Timeline(BaseModel):
    """Positions in seconds and levels in dBFS, bounded in number and range for any file."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    cuts_s: Annotated[tuple[_Position, ...] | None, Field(max_length=MAX_CUTS)] = None
    """None if there are no pictures."""
    watched_s: _Position | None = None
    """How far cuts were looked for. A long video is watched for a limited time."""
    levels_dbfs: Annotated[tuple[_Level, ...] | None, Field(max_length=MAX_LEVELS)] = None
    """The level of each window, from the start of the sound; None if there is no sound."""
    level_step_s: Annotated[float, Field(gt=0, le=_MAX_S)] | None = None
    """The length of a window."""

    def as_json(self) -> dict[str, Any]:
        """Return what is known, as it is saved; empty if nothing is."""
        return self.model_dump(mode="json", exclude_none=True)


def cuts_on_timeline(cuts_s: Sequence[float], *, watched_s: float) -> dict[str, Any]:
    """Return the fields of a `Timeline` about cuts, rounded to 0.01 s; impossible times are left out."""
    kept = widest_apart([cut_s for cut_s in cuts_s if 0 <= cut_s <= _MAX_S], at_most=MAX_CUTS)
    return {"cuts_s": tuple(round(cut_s, 2) for cut_s in kept), "watched_s": round(min(watched_s, _MAX_S), 2)}


def widest_apart(positions: Sequence[float], *, at_most: int) -> list[float]:
    """Return the positions, or so many of them that follow the one before at the greatest distance.

    Args:
        positions: in ascending order.
        at_most: how many are kept.
    """
    if len(positions) <= at_most:
        return list(positions)
    distances = np.diff(positions, prepend=-math.inf)
    kept = np.sort(np.argsort(-distances, kind="stable")[:at_most])
    return [positions[number] for number in kept]


def timeline_of_levels(samples: Samples) -> Timeline:
    """Return the root mean square level of up to `MAX_LEVELS` equal windows; the last one may be shorter."""
    if not samples.size:
        return Timeline()
    window = max(math.ceil(samples.size / MAX_LEVELS), round(MIN_WINDOW_S * SAMPLE_RATE))
    levels = tuple(_level_dbfs(samples[start : start + window]) for start in range(0, samples.size, window))
    return Timeline(levels_dbfs=levels, level_step_s=round(window / SAMPLE_RATE, 6))


def _level_dbfs(window: Samples) -> float:
    power = float(np.einsum("i,i->", window, window, dtype=np.float64)) / window.size
    return round(min(max(10 * math.log10(power), SILENT_DBFS), 0.0), 1) if power > 0 else SILENT_DBFS
