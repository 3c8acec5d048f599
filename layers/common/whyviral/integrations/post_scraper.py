"""What a scraper of posts is, whichever vendor does the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from whyviral.core.errors import ErrorCategory


class MediaKind(StrEnum):
    """What a medium of a post is."""

    IMAGE = "image"
    VIDEO = "video"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class ScrapedMedia:
    """A medium as the platform names it; nothing is downloaded here."""

    kind: MediaKind
    source_url: str
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class ScrapedAuthor:
    """Who wrote the post, as far as the platform says."""

    username: str
    display_name: str | None = None
    followers: int | None = None
    is_verified: bool | None = None


@dataclass(frozen=True, slots=True)
class ScrapedPost:
    """One public post; counts the platform hides are absent from `metrics`, never zero."""

    platform_post_id: str
    url: str
    author: ScrapedAuthor
    text: str
    posted_at: datetime | None
    metrics: Mapping[str, int]
    """Any of: likes, comments, views, shares, quotes, bookmarks."""
    language: str | None = None
    media: Sequence[ScrapedMedia] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScrapeFailure:
    """Why one post could not be had although the call itself worked."""

    platform_post_id: str
    category: ErrorCategory
    message: str


class PostScraper(Protocol):
    """Fetches public posts by their platform ids."""

    def fetch_posts(self, post_ids: Sequence[str]) -> Mapping[str, ScrapedPost | ScrapeFailure]:
        """Return one outcome for each asked id, keyed by that id.

        Raises:
            ProviderError: the call as a whole failed, so nothing is known about any of the posts.
        """
        ...
