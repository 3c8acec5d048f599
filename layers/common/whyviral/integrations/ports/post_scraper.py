"""What a scraper of posts is, whichever vendor does the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from whyviral.core.errors import ErrorCategory

from .transcript import Transcript


class MediaKind(StrEnum):
    """The kind of a medium."""

    IMAGE = "image"
    VIDEO = "video"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class ScrapedMedia:
    """A medium as the platform names it; nothing is downloaded here."""

    kind: MediaKind
    source_url: str
    duration_s: float | None = None
    is_page: bool = False
    """Whether `source_url` is a page with a player, as on YouTube, and not a file that can be stored."""
    transcript: Transcript | None = None
    """The platform's captions of it."""


@dataclass(frozen=True, slots=True)
class ScrapedAuthor:
    """Who wrote the post, as far as the platform says."""

    username: str
    display_name: str | None = None
    followers: int | None = None
    is_verified: bool | None = None


@dataclass(frozen=True, slots=True)
class ScrapedComment:
    """One comment, as far as the platform shows it."""

    text: str
    author: str | None = None
    likes: int | None = None
    posted_at: datetime | None = None


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
    comments: Sequence[ScrapedComment] = ()
    """The most relevant first."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What only some platforms tell, as JSON; any of
    title: str, tags: [str], category: str, is_short: bool, is_paid_partnership: bool, sound: str (title of the music),
    most_replayed: [{start_s, end_s, value 0..1}], chapters: [{start_s, end_s, title}],
    quoted_post: {username, text, url}, replied_to: {username, post_id}."""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScrapeFailure:
    """Why one post could not be had although the call itself worked."""

    platform_post_id: str
    category: ErrorCategory
    message: str
    lost: "ScrapeJob | None" = None
    """The work on it that is lost: stored, so that whoever begins it anew goes on counting."""


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """Work that goes on at a provider and is resumed by its id: beginning it again would be paid again."""

    id: str
    kind: str
    """What the provider was asked for, such as the name of a dataset."""
    number: int = 1
    """How many jobs have been begun for the post, this one included."""
    is_lost: bool = False
    """Whether nobody can ask about it any more: its id may be unknown even to us, but it counts."""


@dataclass(frozen=True, slots=True)
class ScrapePending:
    """The provider works on the post; the job must be stored before it is asked about."""

    platform_post_id: str
    job: ScrapeJob
    wait_s: float
    """When to ask again."""


@dataclass(frozen=True, slots=True)
class PostAsk:
    """A post that is wanted, and what is known of it on the way."""

    post_id: str
    path_word: str | None = None
    """The word before the id in the URL that the user pasted, such as `reel`: a hint at the kind of post."""
    job: ScrapeJob | None = None
    """Work on this post that has been begun before."""

    @property
    def running(self) -> ScrapeJob | None:
        """The work to ask about."""
        return None if self.job is None or self.job.is_lost else self.job

    @property
    def next_number(self) -> int:
        """The number of the job that would be begun now."""
        return 1 if self.job is None else self.job.number + 1


type ScrapeOutcome = ScrapedPost | ScrapeFailure | ScrapePending


class PostScraper(Protocol):
    """Fetches public posts of one platform by their ids."""

    def fetch_posts(self, asks: Sequence[PostAsk]) -> Mapping[str, ScrapeOutcome]:
        """Return outcomes keyed by platform post id; a post for which there was no time has none and is asked again.

        Raises:
            ProviderError: the call as a whole failed, so nothing is known about any of the posts.
        """
        ...
