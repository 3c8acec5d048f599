"""The port for scrapers that fetch public posts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from whyviral.core.errors import ErrorCategory

from .transcript import Transcript


class MediaKind(StrEnum):
    """The kind of a media file."""

    IMAGE = "image"
    VIDEO = "video"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class ScrapedMedia:
    """A media file of a post, by its URL at the platform; scrapers download no media."""

    kind: MediaKind
    source_url: str
    duration_s: float | None = None
    is_page: bool = False
    """Whether `source_url` is a page with a player, as on YouTube, instead of a file that can be stored."""
    transcript: Transcript | None = None
    """The platform's captions."""


@dataclass(frozen=True, slots=True)
class ScrapedAuthor:
    """The author of a post; values that the platform hides are None."""

    username: str
    display_name: str | None = None
    followers: int | None = None
    is_verified: bool | None = None


@dataclass(frozen=True, slots=True)
class ScrapedComment:
    """One comment on a post; values that the platform hides are None."""

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
    """Details of which each platform has only some, as JSON; any of
    title: str, tags: [str], category: str, is_short: bool, is_paid_partnership: bool, sound: str (title of the music),
    most_replayed: [{start_s, end_s, value 0..1}], chapters: [{start_s, end_s, title}],
    quoted_post: {username, text, url}, replied_to: {username, post_id}."""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScrapeFailure:
    """The reason why one post could not be fetched although the call itself succeeded."""

    platform_post_id: str
    category: ErrorCategory
    message: str
    lost: "ScrapeJob | None" = None
    """The lost job for this post. The caller stores it, so that the next job continues its numbering."""


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """A job that runs at a vendor and is polled by its id, because a second job would be billed again."""

    id: str
    kind: str
    """The kind of job, such as the name of a dataset."""
    number: int = 1
    """The number of jobs started for the post so far, this one included."""
    is_lost: bool = False
    """Whether the job cannot be polled any more, perhaps because we never received its id. It is counted anyway."""


@dataclass(frozen=True, slots=True)
class ScrapePending:
    """A vendor's job for the post is running; the caller must store the job before it polls."""

    platform_post_id: str
    job: ScrapeJob
    wait_s: float
    """The delay in seconds before the next poll."""


@dataclass(frozen=True, slots=True)
class PostAsk:
    """The request for one post: its id, a hint from its URL, and the vendor's job if one was started."""

    post_id: str
    path_word: str | None = None
    """The word before the id in the URL that the user pasted, such as `reel`: a hint at the kind of post."""
    job: ScrapeJob | None = None
    """The latest job that was started for this post."""

    @property
    def running(self) -> ScrapeJob | None:
        """The job to poll; None if there is none or it is lost."""
        return None if self.job is None or self.job.is_lost else self.job

    @property
    def next_number(self) -> int:
        """The number of the next job to be started for this post."""
        return 1 if self.job is None else self.job.number + 1


type ScrapeOutcome = ScrapedPost | ScrapeFailure | ScrapePending


class PostScraper(Protocol):
    """Fetches public posts of one platform by their ids."""

    def fetch_posts(self, asks: Sequence[PostAsk]) -> Mapping[str, ScrapeOutcome]:
        """Return outcomes by platform post id; a post without one was not reached in time and is requested again.

        Raises:
            ProviderError: the whole call failed, so no post has an outcome.
        """
        ...
