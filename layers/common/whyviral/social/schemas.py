"""Response bodies of public posts."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, computed_field

from whyviral.integrations.ports.post_scraper import MediaKind
from whyviral.integrations.ports.transcript import TranscriptSource

from .platforms import Platform


def _message_of(error: Any) -> Any:
    return error["message"] if isinstance(error, dict) else error


type Seconds = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
type Score = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]


class FrameOut(BaseModel):
    """A key frame of a video."""

    at_s: float
    url: str


class VoiceOut(BaseModel):
    """A stretch of a sound with a voice."""

    from_s: float
    to_s: float


class MediaTimelineOut(BaseModel):
    """A video over time, as the worker measured it: docs/metrics.md. Each part is null if it is not known."""

    version: Annotated[int, Field(description="The version of the method.")]
    cuts_s: Annotated[
        list[float] | None, Field(max_length=500, description="When hard cuts are, from the start of the file.")
    ] = None
    watched_s: Annotated[float | None, Field(description="How far cuts were looked for.")] = None
    levels_dbfs: Annotated[
        list[float] | None,
        Field(max_length=200, description="Root mean square level of each window of the sound, -90 to 0 dBFS."),
    ] = None
    level_step_s: Annotated[float | None, Field(description="The length of a window; the last one may be shorter.")] = (
        None
    )
    voices: Annotated[
        list[VoiceOut] | None, Field(max_length=300, description="Where a voice is, with or without known words.")
    ] = None


class MediaOut(BaseModel):
    """One image, video or thumbnail of a post."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    kind: MediaKind
    content_type: str | None
    supabase_url: str | None
    thumbnail_url: str | None
    width: int | None
    height: int | None
    duration_s: Seconds | None
    has_speech: bool | None
    language: str | None
    transcript: str | None
    transcript_source: TranscriptSource | None
    transcript_truncated: bool
    frames: list[FrameOut] | None
    timeline: Annotated[MediaTimelineOut | None, Field(description="Null for a medium that was not measured.")]
    error: Annotated[str | None, BeforeValidator(_message_of), Field(description="The failure of this medium alone.")]


class PostOut(BaseModel):
    """A public post as last fetched."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    platform: Platform
    url: str
    username: str | None
    author: dict[str, Any] | None
    content: str | None
    language: str | None
    posted_at: datetime | None
    metrics: dict[str, int]
    engagement_score: Annotated[Score | None, Field(description="0 to 100, by docs/metrics.md; null when unknown.")]
    details: dict[str, Any]
    transcript: str | None
    formatted_transcript: str | None
    fetched_at: datetime | None
    is_stand_in: bool
    media: list[MediaOut]

    @computed_field(description="Whether any of the media contains speech; null while unknown.")
    def has_speech(self) -> bool | None:
        """Return whether any of the media contains speech."""
        known = [medium.has_speech for medium in self.media if medium.has_speech is not None]
        return any(known) if known else None
