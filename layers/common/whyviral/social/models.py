"""Tables of public posts: fetched once, shared by every request that asks for them."""

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
DEAD_LINK = "is_link_dead"
"""The key in `post_media.error`."""
"""A document that may be missing: None is SQL's NULL, which `is null` finds, and not the JSON text `null`."""


class PlatformRow(Identified, Base):
    """A platform whose posts we know; seeded by migration."""

    __tablename__ = "platforms"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether new posts of it are accepted; an operator switches it off with SQL while a provider is out of service."""


class PostMedia(Identified, Base):
    """One image, video or thumbnail of a post, and where we stored it."""

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
    """Whether `source_url` is a page with a player, whose sound only the worker can fetch, and not a file to store."""
    content_type: Mapped[str | None]
    """What the stored bytes were found to be."""
    storage_path: Mapped[str | None]
    supabase_url: Mapped[str | None]
    uploaded_to_supabase: Mapped[bool] = mapped_column(server_default=text("false"))
    bytes: Mapped[int | None]
    duration_s: Mapped[Decimal | None] = mapped_column(Numeric(10, 3))
    width: Mapped[int | None]
    height: Mapped[int | None]
    thumbnail_path: Mapped[str | None]
    """A small JPEG of it in storage; a photo is its own."""
    thumbnail_url: Mapped[str | None]
    frames: Mapped[list[dict[str, Any]] | None] = mapped_column(_Json)
    """Key frames of a video in storage: `[{at_s, path, url}]`, in the order of time."""
    transcript: Mapped[str | None]
    segments: Mapped[list[dict[str, Any]] | None] = mapped_column(_Json)
    """`[{start_s, end_s, text, words: [{start_s, end_s, text}]}]`; see `whyviral.social.transcripts`."""
    transcript_source: Mapped[str | None]
    transcript_truncated: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether time ran out before the end of the medium."""
    language: Mapped[str | None]
    has_speech: Mapped[bool | None]
    measurements: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    """What the worker measured of picture and sound: docs/metrics.md."""
    processed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the worker was done with it, with or without success; it is not processed again."""
    claimed_by: Mapped[uuid.UUID | None]
    """The job that is reading it; nobody else does until `claimed_until`."""
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    """`{category, message}` of what went wrong with this medium alone; the message is for the user.

    With `is_link_dead: true` where the platform no longer serves the link: its post is not fresh any more.
    """


class Post(Identified, Base):
    """A public post as last fetched; text and raw are untrusted."""

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
    """What only some platforms tell: see `ScrapedPost.details`."""
    raw: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    fetched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_stand_in: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether a stand-in, not the platform, gave us this post."""
    claimed_by: Mapped[uuid.UUID | None]
    """The attempt of a request that is fetching this post; nobody else pays for it until `claimed_until`."""
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    scrape_job: Mapped[dict[str, Any] | None] = mapped_column(_Json)
    """Paid work on this post at a provider: a `ScrapeJob` with `begun_at`, and with `is_stand_in` for whose it is.

    Who claims the post resumes it by its id; where it is lost, it only counts.
    """

    media: Mapped[list[PostMedia]] = relationship(lazy="raise", order_by=PostMedia.position)


class PostComments(Identified, Base):
    """The comments of a post that the provider gave us, as one document: `[{text, author, likes, posted_at}]`."""

    __tablename__ = "post_comments"

    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"), unique=True)
    comments: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class PostActivity(StrEnum):
    """What a user has done with a post."""

    ANALYSED = "analysed"
    VIEWED = "viewed"
    CHATTED = "chatted"
    NOTED = "noted"


class UserPostActivity(Identified, Base):
    """That a user has done something with a post; the latest time stands in `updated_at`."""

    __tablename__ = "user_post_activity"
    __table_args__ = (
        UniqueConstraint("user_id", "post_id", "activity"),
        Index(None, "post_id"),
        one_of("activity", PostActivity),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    activity: Mapped[str]
