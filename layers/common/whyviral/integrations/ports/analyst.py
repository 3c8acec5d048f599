"""What an analyst is, whichever model does the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class InlineMedia:
    """A picture or a short video, sent as it is."""

    data: bytes = field(repr=False)
    content_type: str
    """As the model knows it, such as `image/jpeg`."""
    duration_s: float | None = None
    """Of a video, where it is known."""


@dataclass(frozen=True, slots=True)
class VideoUrl:
    """A stretch of a public YouTube video, which the model's vendor fetches itself."""

    url: str
    start_s: float
    end_s: float
    """Bounds what the video costs."""
    frames_per_second: float


type MediaPart = InlineMedia | VideoUrl


@dataclass(frozen=True, slots=True)
class AnalystPrompt:
    """What the model is told: our instructions, apart from the untrusted data they are about."""

    system: str
    user: str
    version: str
    media: Sequence[MediaPart] = ()
    """What the model sees and hears, before it reads `user`."""


@dataclass(frozen=True, slots=True)
class AnalystReply:
    """One answer that parsed as JSON; not yet validated."""

    answer: Mapping[str, Any]
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    """Answer and thinking together, as they are billed."""
    cost_usd: Decimal | None
    """None when the price of the model, or what it used, is not known."""
    is_stand_in: bool


class Analyst(Protocol):
    """Answers a prompt with one JSON object of the given shape."""

    def answer(self, prompt: AnalystPrompt, *, shape: type[BaseModel]) -> AnalystReply:
        """Ask once.

        Args:
            prompt: instructions, data and media.
            shape: the model of the answer, sent as the response schema; the caller validates the answer with it.

        Raises:
            ProviderError: no usable answer; `category` is rate_limit, auth, timeout, provider_error or ai_error, and
                `status` is 400 or 413 where the media may be to blame.
        """
        ...
