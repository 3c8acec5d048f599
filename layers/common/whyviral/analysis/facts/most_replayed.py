"""Facts about the most replayed moment of a video, if the platform provides the curve."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .fact_sheet import FactSheet, read_number
from .snapshot import PostSnapshot
from .speech import words_between


@dataclass(frozen=True, slots=True)
class _Marker:
    start_s: float
    end_s: float
    value: float


def add_most_replayed(facts: FactSheet, post: PostSnapshot) -> None:
    """Add the highest point of the most-replayed curve, and the words spoken there."""
    # Every viewer starts at the beginning, so the curve's first marker carries no information about the video.
    markers = [marker for marker in _markers(post.details) if marker.start_s > 0]
    if not markers:
        return
    peak = max(markers, key=lambda marker: marker.value)
    source = f"{post.platform} most replayed"
    facts.add("most_replayed_at", round(peak.start_s, 2), "seconds", source)
    facts.add("most_replayed_value", round(peak.value, 4), "of 1", source)
    segments = post.first_video.segments if post.first_video else ()
    if words := words_between(segments, peak.start_s, peak.end_s):
        facts.add_quotation("most_replayed_words", words, "text", source)


def _markers(details: Mapping[str, Any]) -> Iterator[_Marker]:
    curve = details.get("most_replayed")
    for point in curve if isinstance(curve, list) else ():
        if isinstance(point, Mapping):
            start_s, end_s, value = (read_number(point, key) for key in ("start_s", "end_s", "value"))
            if start_s is not None and end_s is not None and value is not None and value <= 1:
                yield _Marker(start_s, end_s, value)
