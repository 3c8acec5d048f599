"""The transcripts of a post's videos, in spans that an answer can cite by id."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whyviral.analysis.facts.snapshot import MediumSnapshot
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import SpokenSegment

MAX_TRANSCRIPT_CHARACTERS = 30_000
MAX_SPAN_CHARACTERS = 300
MAX_SPAN_S = 10.0
"""A citation of a longer span would prove too little."""


@dataclass(frozen=True, slots=True)
class TranscriptSpan:
    """One moment of speech; its text is untrusted."""

    id: str
    """`T1`, `T2`, … in the order of the post's videos and of time."""
    video: int
    """Which video of the post, from 1."""
    start_s: float
    end_s: float
    text: str


def transcript_spans(media: Sequence[MediumSnapshot]) -> tuple[Sequence[TranscriptSpan], bool]:
    """Return the spans of all videos, and whether words had to be left out."""
    spans: list[TranscriptSpan] = []
    room = MAX_TRANSCRIPT_CHARACTERS
    videos = (medium for medium in media if medium.kind is MediaKind.VIDEO)
    for video, medium in enumerate(videos, start=1):
        for start_s, end_s, text in _moments(medium.segments):
            if len(text) > room:
                return spans, True
            room -= len(text)
            spans.append(TranscriptSpan(f"T{len(spans) + 1}", video, start_s, end_s, text))
    return spans, False


def _moments(segments: Sequence[SpokenSegment]) -> Iterator[tuple[float, float, str]]:
    """Join consecutive lines into moments, because a line of captions lasts only about two seconds."""
    joined: list[SpokenSegment] = []
    for segment in segments:
        if joined and not _fits(joined, segment):
            yield _as_moment(joined)
            joined = []
        joined.append(segment)
    if joined:
        yield _as_moment(joined)


def _fits(joined: Sequence[SpokenSegment], segment: SpokenSegment) -> bool:
    characters = sum(len(line.text) + 1 for line in joined) + len(segment.text)
    return characters <= MAX_SPAN_CHARACTERS and segment.end_s - joined[0].start_s <= MAX_SPAN_S


def _as_moment(joined: Sequence[SpokenSegment]) -> tuple[float, float, str]:
    text = " ".join(" ".join(line.text for line in joined).split())
    return round(joined[0].start_s, 2), round(joined[-1].end_s, 2), text
