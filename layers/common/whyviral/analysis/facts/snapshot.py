"""The input of the facts: a post as it was when it was measured; every text in it is untrusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import SpokenSegment, TranscriptSource
from whyviral.social.platforms import Platform


@dataclass(frozen=True, slots=True)
class MediumSnapshot:
    """One medium; values that were not measured are None or absent."""

    kind: MediaKind
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    measurements: Mapping[str, Any] = field(default_factory=dict)
    """The worker's measurements of picture and sound, by the names of docs/metrics.md."""
    has_speech: bool | None = None
    """None if the medium has not been transcribed."""
    segments: Sequence[SpokenSegment] = ()
    transcript_source: TranscriptSource | None = None
    transcript_language: str | None = None
    is_transcript_truncated: bool = False


@dataclass(frozen=True, slots=True)
class PostSnapshot:
    """A post as it was when it was measured."""

    platform: Platform
    text: str
    username: str | None = None
    posted_at: datetime | None = None
    metrics: Mapping[str, int] = field(default_factory=dict)
    """Any of likes, comments, views, shares, quotes, bookmarks; hidden counts are absent."""
    followers: int | None = None
    language: str | None = None
    media: Sequence[MediumSnapshot] | None = None
    """The media in the post's order; empty if it has none, None if unknown."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Values that only some platforms provide: see `ScrapedPost.details`."""
    comments: Sequence[Mapping[str, Any]] = ()
    """The fetched comments as `{text, author, likes, posted_at}`, most relevant first."""

    @property
    def first_video(self) -> MediumSnapshot | None:
        """Return the video that the facts about picture and sound describe."""
        return self._first(MediaKind.VIDEO)

    @property
    def first_picture(self) -> MediumSnapshot | None:
        """Return the medium that the post shows first: its first video, else its first photo."""
        return self.first_video or self._first(MediaKind.IMAGE)

    def _first(self, kind: MediaKind) -> MediumSnapshot | None:
        return next((medium for medium in self.media or () if medium.kind == kind), None)
