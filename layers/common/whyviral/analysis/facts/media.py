"""Facts about the pictures, the cuts and the sound of a post, from the worker's measurements.

They describe the post's first video. They are absent if the worker did not measure it, as for a YouTube video with
captions.
"""

import math
from collections.abc import Sequence

from whyviral.integrations.ports.post_scraper import MediaKind

from .fact_sheet import FactSheet, read_number, six_digits
from .snapshot import MediumSnapshot, PostSnapshot

MEASURED = "measured in the first video"

_SQUARE_WITHIN = 0.02
"""How far from 1 the aspect ratio of a square picture may be."""
_MIN_LUFS = -120.0
_MEASUREMENTS: Sequence[tuple[str, str, str, float]] = (
    ("cut_count", "cut_count", "cuts", 0),
    ("cuts_per_minute", "cuts_per_minute", "cuts per minute", 0),
    ("first_cut", "first_cut_s", "seconds", 0),
    ("frame_rate", "fps", "frames per second", 0),
    ("loudness", "loudness_lufs", "LUFS", _MIN_LUFS),
    ("hook_loudness", "hook_loudness_lufs", "LUFS", _MIN_LUFS),
    ("silence_share", "silence_share", "ratio", 0),
)
"""Fact name, the worker's key, unit, and minimum."""


def add_media(facts: FactSheet, post: PostSnapshot) -> None:
    """Add the numbers of pictures and videos, the shape of the first one, and the measurements of the first video."""
    if post.media is None:
        return
    source = f"{post.platform} media"
    kinds = [medium.kind for medium in post.media]
    for kind in (MediaKind.IMAGE, MediaKind.VIDEO):
        facts.add(f"{kind}_count", kinds.count(kind), f"{kind}s", source)
    if post.first_picture:
        _add_shape(facts, post.first_picture)
    if post.first_video:
        _add_measurements(facts, post.first_video, source)


def _add_shape(facts: FactSheet, picture: MediumSnapshot) -> None:
    if not picture.width or not picture.height or min(picture.width, picture.height) < 0:
        return
    ratio = picture.width / picture.height
    shape = "square" if abs(ratio - 1) <= _SQUARE_WITHIN else "horizontal" if ratio > 1 else "vertical"
    source = f"measured in the first {picture.kind}"
    facts.add("orientation", shape, picture.kind, source)
    facts.add("aspect_ratio", round(ratio, 4), "width to height", source)


def _add_measurements(facts: FactSheet, video: MediumSnapshot, source: str) -> None:
    if video.duration_s is not None and math.isfinite(video.duration_s) and video.duration_s > 0:
        facts.add("duration", round(video.duration_s, 2), "seconds", source)
    for name, key, unit, least in _MEASUREMENTS:
        value = read_number(video.measurements, key, at_least=least)
        if value is not None:
            facts.add(name, round(value, 3), unit, MEASURED)
    _add_shot_length(facts)


def _add_shot_length(facts: FactSheet) -> None:
    """Add the pace of the cuts: how long a picture stays on average until the next cut or the end."""
    duration, cuts = facts.by_name.get("duration"), facts.by_name.get("cut_count")
    if duration and cuts and duration.number and cuts.number is not None:
        seconds = six_digits(duration.number / (cuts.number + 1))
        facts.add("average_shot", seconds, "seconds", f"computed from {duration.id} and {cuts.id}")
