"""The port for language models that analyse posts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class InlineMedia:
    """A picture or a short video, sent inside the request."""

    data: bytes = field(repr=False)
    content_type: str
    """The media type that the model expects, such as `image/jpeg`."""
    duration_s: float | None = None
    """The length of a video; None: unknown, or a picture."""


@dataclass(frozen=True, slots=True)
class VideoUrl:
    """A section of a public YouTube video, which the model's vendor fetches itself."""

    url: str
    start_s: float
    end_s: float
    """Limits the cost of the video."""
    frames_per_second: float


type MediaPart = InlineMedia | VideoUrl


@dataclass(frozen=True, slots=True)
class MediaSupport:
    """The media that a model can be shown; a video that it does not take is replaced by key frames and transcript."""

    picture_types: frozenset[str]
    """Content types, such as `image/jpeg`."""
    video_types: frozenset[str] = frozenset()
    """Content types of videos inside the request, such as `video/mp4`."""
    takes_video_urls: bool = False
    """Whether the vendor fetches public YouTube videos itself."""
    max_parts: int = 24


@dataclass(frozen=True, slots=True)
class AnalystPrompt:
    """A prompt, which keeps our instructions (`system`) apart from the untrusted data (`user`)."""

    system: str
    user: str
    version: str
    media: Sequence[MediaPart] = ()
    """The pictures and videos, which the model receives before `user`."""


@dataclass(frozen=True, slots=True)
class AnalystReply:
    """One answer, parsed as JSON but not validated."""

    answer: Mapping[str, Any]
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    """The billed tokens of answer and thinking together."""
    cost_usd: Decimal | None
    """None: the model's price or its token counts are unknown."""
    is_stand_in: bool


class Analyst(Protocol):
    """Answers a prompt with one JSON object that follows a schema."""

    @property
    def takes(self) -> MediaSupport:
        """Return the media that the model can be shown."""
        ...

    def answer(self, prompt: AnalystPrompt, *, shape: type[BaseModel]) -> AnalystReply:
        """Send one prompt and return the model's answer.

        Args:
            prompt: instructions, data and media.
            shape: the Pydantic model of the answer, sent as the response schema; the caller validates the answer.

        Raises:
            ProviderError: no usable answer. `category` is rate_limit, auth, timeout, provider_error, unsupported or
                ai_error; `status` is 400 or 413 if the media may be the cause.
        """
        ...
