"""The posts on the platforms' stand-ins: the samples, and those that a test adds."""

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, StringConstraints, field_validator, model_validator

from local.stand_ins.scenario.orders import Order, OrderPart

SAMPLES = Path(__file__).parents[2] / "samples"
_MAX_MEDIA_BYTES = 64 * 1024 * 1024
_MAX_X_ID = 2**63 - 1


class Platform(StrEnum):
    """The platform of a post."""

    INSTAGRAM = "instagram"
    X = "x"
    YOUTUBE = "youtube"


# Source: the URL patterns of yt-dlp 2026.10.26.
_ID_PATTERNS = {
    Platform.INSTAGRAM: r"[A-Za-z0-9_-]{1,11}",
    Platform.X: r"[1-9][0-9]{0,18}",
    Platform.YOUTUBE: r"[A-Za-z0-9_-]{11}",
}
_USERNAME_PATTERNS = {
    Platform.INSTAGRAM: r"[A-Za-z0-9._]{1,30}",
    Platform.X: r"[A-Za-z0-9_]{1,20}",
    Platform.YOUTUBE: r"[^\x00-\x1f/]{1,100}",
}


class PostMediaKind(StrEnum):
    """The kind of a post's file."""

    IMAGE = "image"
    VIDEO = "video"
    GIF = "gif"
    """A silent looping video, which is X's form of every animated picture."""


type Count = Annotated[int, Field(ge=0, le=2**53, strict=True)]


class PostMetrics(OrderPart):
    """The public counts; None if the platform does not show a count."""

    likes: Count | None = None
    comments: Count | None = None
    views: Count | None = None
    shares: Count | None = None


class PostFile(OrderPart):
    """A file that belongs to a post."""

    kind: PostMediaKind
    filename: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")]
    file_base64: str = Field(min_length=1, repr=False)

    @field_validator("file_base64")
    @classmethod
    def _is_base64(cls, text: str) -> str:
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("not base64") from None
        if len(content) > _MAX_MEDIA_BYTES:
            raise ValueError(f"over {_MAX_MEDIA_BYTES} bytes")
        return text

    @cached_property
    def content(self) -> bytes:
        """The bytes of the file."""
        return base64.b64decode(self.file_base64)


class Post(Order):
    """A public post, as the control API and the samples describe it."""

    platform: Platform
    id: str
    username: str
    text: str = Field(max_length=100_000)
    metrics: PostMetrics
    posted_at: datetime
    """A time without an offset is UTC."""
    media: list[PostFile] = Field(default_factory=list, max_length=20)
    comments: list[dict[str, JsonValue]] = Field(default_factory=list)
    captions: JsonValue = None
    raw: dict[str, JsonValue] = Field(default_factory=dict)
    """Merged over the vendor's answer, for reposts, quotes and fields that have no attribute here."""
    approximate: list[str] = Field(default_factory=list)
    """Fields whose values have the right magnitude but are not exact."""
    note: str | None = None
    """The origin of a sample."""

    @field_validator("posted_at")
    @classmethod
    def _in_utc(cls, posted_at: datetime) -> datetime:
        return posted_at.astimezone(UTC) if posted_at.tzinfo else posted_at.replace(tzinfo=UTC)

    @model_validator(mode="after")
    def _names_suit_the_platform(self) -> Self:
        if not re.fullmatch(_ID_PATTERNS[self.platform], self.id):
            raise ValueError(f"id is not one of {self.platform}")
        if self.platform is Platform.X and int(self.id) > _MAX_X_ID:
            raise ValueError("id is over 63 bits")
        if not re.fullmatch(_USERNAME_PATTERNS[self.platform], self.username):
            raise ValueError(f"username is not one of {self.platform}")
        return self


class PostShelf:
    """The posts by platform and id."""

    def __init__(self) -> None:
        self._samples = load_samples()
        self._posts: dict[tuple[Platform, str], Post] = {}
        self.reload()

    def reload(self) -> None:
        """Restore the samples and remove all other posts."""
        self._posts = {(post.platform, post.id): post for post in self._samples}

    def put(self, post: Post) -> None:
        """Add a post; replaces an earlier one with its id."""
        self._posts[post.platform, post.id] = post

    def delete(self, platform: Platform, post_id: str) -> bool:
        """Delete a post; returns whether it existed."""
        return self._posts.pop((platform, post_id), None) is not None

    def find(self, platform: Platform, post_id: str) -> Post | None:
        """Return the post; None if it does not exist."""
        return self._posts.get((platform, post_id))

    def on(self, platform: Platform) -> list[Post]:
        """Return the posts of a platform."""
        return [post for post in self._posts.values() if post.platform is platform]


def load_samples() -> list[Post]:
    """Return the posts of `local/samples/posts.json` with their files, which are in the same folder."""
    return [_with_files(sample) for sample in json.loads((SAMPLES / "posts.json").read_text(encoding="utf-8"))]


def _with_files(sample: dict[str, Any]) -> Post:
    for file in sample.get("media", []):
        file["file_base64"] = base64.b64encode((SAMPLES / file["filename"]).read_bytes()).decode()
    return Post.model_validate(sample)
