"""A post as a YouTube video: its fields and its `raw`, with invented values for the rest."""

import hashlib
import re
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue

from local.stand_ins.media.headers import duration_ms
from local.stand_ins.scenario.orders import OrderPart
from local.stand_ins.scenario.posts import Post, PostFile, PostMediaKind

_DEFAULT_DURATION_S = 60.0
_NO_HANDLE = re.compile(r"[^a-z0-9._-]")


class Line(OrderPart):
    """One line of captions."""

    start_s: float = Field(ge=0, le=10**6)
    end_s: float = Field(ge=0, le=10**6)
    text: str


class Captions(OrderPart):
    """The content of `Post.captions` for a video."""

    language: str = Field(default="en", pattern=r"^[A-Za-z0-9-]{2,20}$")
    automatic: bool = False
    """Whether YouTube generated them."""
    segments: list[Line] = Field(default_factory=list)
    """Without segments, YouTube lists the track, but its file is empty."""


class Peak(OrderPart):
    """A part of the video and its relative number of replays, from 0 to 1."""

    start_s: float
    end_s: float
    value: float


class Chapter(OrderPart):
    """A chapter's title and start."""

    start_s: float
    title: str


class Extras(BaseModel):
    """The content of `Post.raw` for a video: values for which a post has no field.

    Unknown fields are ignored, because `raw` is also merged over Bright Data's record of the video.
    """

    duration_s: float | None = None
    """None for the duration of the file, or a minute if there is no file."""
    width: int = 1080
    height: int | None = None
    """None for 9 to 16 if the video is a Short, else 16 to 9."""
    is_short: bool | None = None
    """None if #shorts in the text decides."""
    handle: str | None = None
    followers: int | None = 1200
    is_verified: bool = False
    tags: list[str] = Field(default_factory=list)
    category: str = "People & Blogs"
    category_id: str = "22"
    speech_language: str | None = None
    heatmap: list[Peak] = Field(default_factory=list)
    chapters: list[Chapter] = Field(default_factory=list)
    are_comments_disabled: bool = False
    live: Literal["now", "upcoming"] | None = None
    playability: dict[str, JsonValue] = Field(default_factory=dict)
    """Merged over the player's `playabilityStatus`; a status other than OK hides streams and captions."""
    player: dict[str, JsonValue] = Field(default_factory=dict)
    """Merged over the player's whole answer."""
    data_api: dict[str, JsonValue] = Field(default_factory=dict)
    """Merged over the item of the Data API."""


class Video:
    """A video with the values that its pages show."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.extras = Extras.model_validate(post.raw)
        self.captions = None if post.captions is None else Captions.model_validate(post.captions)

    @property
    def title(self) -> str:
        """The first line of the text."""
        return self.post.text.partition("\n")[0]

    @property
    def description(self) -> str:
        """The text below the title."""
        return self.post.text.partition("\n")[2].strip("\n")

    @cached_property
    def file(self) -> PostFile | None:
        """The video file, if there is one."""
        return next((file for file in self.post.media if file.kind is PostMediaKind.VIDEO), None)

    @property
    def picture(self) -> PostFile | None:
        """The thumbnail, if there is one."""
        return next((file for file in self.post.media if file.kind is PostMediaKind.IMAGE), None)

    @property
    def duration_s(self) -> float:
        """The duration in seconds."""
        if self.extras.duration_s is not None:
            return self.extras.duration_s
        length_ms = duration_ms(self.file.content) if self.file else None
        return length_ms / 1000 if length_ms else _DEFAULT_DURATION_S

    @property
    def is_short(self) -> bool:
        """Whether the video is a Short."""
        if self.extras.is_short is not None:
            return self.extras.is_short
        return "#shorts" in self.post.text.lower()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        width = self.extras.width
        return width, self.extras.height or (width * 16 // 9 if self.is_short else width * 9 // 16)

    @property
    def channel_id(self) -> str:
        """The id of the channel, derived from its name."""
        return "UC" + hashlib.sha256(self.post.username.encode()).hexdigest()[:22]

    @property
    def handle(self) -> str:
        """The channel's handle, with its @."""
        return self.extras.handle or "@" + (_NO_HANDLE.sub("", self.post.username.lower()) or "channel")

    @property
    def is_playable(self) -> bool:
        """Whether the player can play the video."""
        return bool(self.playability["status"] == "OK")

    @property
    def playability(self) -> dict[str, Any]:
        """The player's `playabilityStatus`."""
        status: dict[str, Any] = {"status": "OK", "playableInEmbed": True}
        if self.extras.live == "upcoming":
            status = {"status": "LIVE_STREAM_OFFLINE", "reason": "This live event will begin in 3 days."}
        return status | self.extras.playability
