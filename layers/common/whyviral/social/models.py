"""Tables of public posts, which are fetched once and shared by all requests."""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from whyviral.core.database import Base, Identified, one_of
from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import TranscriptSource

_Json = JSONB(none_as_null=True)
"""A nullable JSON document: None becomes SQL's NULL, which `is null` matches, and not the JSON text `null`."""
DEAD_LINK = "is_link_dead"
"""The key in `post_media.error` of a medium whose link has expired."""


class PlatformRow(Identified, Base):
    """A supported platform; the rows are seeded by a migration."""

    __tablename__ = "platforms"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    """New posts of the platform are accepted; an administrator switches it off during a provider's outage."""


class PostMedia(Identified, Base):
    """One image, video or thumbnail of a post, with its copy in storage."""

    __tablename__ = "post_media"
    __table_args__ = (
        one_of("kind", MediaKind),
        one_of("transcript_source", TranscriptSource),
        UniqueConstraint("post_id", "position"),
        CheckConstraint("bytes >= 0", name="bytes_not_negative"),
    )

    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    position: Mapped[int]
    kind: Mapped[str]
    source_url: Mapped[str]
    is_page: Mapped[bool] = mapped_column(server_default=text("false"))
    """`source_url` is a page with a player, whose audio only the worker can fetch, and not a file to store."""
    content_type: Mapped[str | None]
    """The content type detected from the stored bytes."""
    storage_path: Mapped[str | None]
    supabase_url: Mapped[str | None]
    uploaded_to_supabase: Mapped[bool] = mapped_column(server_default=text("false"))
    bytes: Mapped[int | None]
    duration_s: Mapped[Decimal | None] = mapped_column(Numeric(10, 3))
    width: Mapped[int | None]
    height: Mapped[int | None]
    thumbnail_path: Mapped[str | None]
    """A small JPEG of the medium in storage; a photo is its own thumbnail."""
    thumbnail_url: Mapped[str | None]
    frames: Mapped[list[dict[str, Any]] | None] = mapped_column(_Json)
    """Key frames of a video in storage: `[{at_s, path, url}]`, ordered by time."""
    transcript: Mapped[str | None]
    segments: Mapped[list[dict[str, Any]] | None] = mapped_column(_Json)
    """`[{start_s, end_s, text, words: [{start_s, end_s, text}]}]`; see `whyviral.social.transcripts`."""
    transcript_source: Mapped[str | None]
    transcript_truncated: Mapped[bool] = mapped_column(server_default=text("false"))
    """The transcript stops before the end of the medium, because the time limit was reached."""
    language: Mapped[str | None]
    has_speech: Mapped[bool | None]
    measurements: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    """The worker's measurements of picture and sound: docs/metrics.md."""
    processed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the worker finished with the medium, successfully or not; it is not processed again."""
    claimed_by: Mapped[uuid.UUID | None]
    """The lease owner: the job that is processing the medium. No other job does so until `claimed_until`."""
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    """The failure of this medium as `{category, message}`; the message is for the user.

    `is_link_dead: true` is added if the platform no longer serves the link: the post must be fetched again.
    """

    @property
    def timeline(self) -> dict[str, Any] | None:
        """Return cuts, levels and voices over time, among the measurements; None if the medium has none."""
        return (self.measurements or {}).get("timeline")


class Post(Identified, Base):
    """A public post as last fetched; its texts and `raw` are untrusted."""

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("platform", "platform_post_id"),
        Index(None, "created_at"),
        Index(None, "claimed_by"),
    )

    platform: Mapped[str] = mapped_column(ForeignKey("platforms.slug"))
    platform_post_id: Mapped[str]
    url: Mapped[str]
    """The canonical URL."""
    username: Mapped[str | None]
    author: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    content: Mapped[str | None]
    language: Mapped[str | None]
    posted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    metrics: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    engagement_score: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    transcript: Mapped[str | None]
    formatted_transcript: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    """Values that only some platforms provide: see `ScrapedPost.details`."""
    raw: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    fetched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_stand_in: Mapped[bool] = mapped_column(server_default=text("false"))
    """The post comes from a stand-in, not from the platform."""
    claimed_by: Mapped[uuid.UUID | None]
    """The lease owner: the attempt that is fetching the post. No other attempt does so until `claimed_until`."""
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    scrape_job: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    """A paid job for this post at a provider: a `ScrapeJob` with `begun_at` (start time) and `is_stand_in`.

    The next attempt that claims the post resumes the job by its id. A lost job is kept only to count the losses.
    """

    media: Mapped[list[PostMedia]] = relationship(lazy="raise", order_by=PostMedia.position)


class PostComments(Identified, Base):
    """The fetched comments of a post as one document: `[{text, author, likes, posted_at}]`."""

    __tablename__ = "post_comments"

    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), unique=True)
    comments: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class PostActivity(StrEnum):
    """The kind of a user's activity with a post."""

    ANALYSED = "analysed"
    VIEWED = "viewed"
    CHATTED = "chatted"
    NOTED = "noted"


class UserPostActivity(Identified, Base):
    """A user's activity with a post, one row per kind; `updated_at` is the time of the latest one."""

    __tablename__ = "user_post_activity"
    __table_args__ = (
        UniqueConstraint("user_id", "post_id", "activity"),
        Index(None, "post_id"),
        one_of("activity", PostActivity),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    activity: Mapped[str]
