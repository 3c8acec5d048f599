"""The port for language models that answer in a conversation, piece by piece."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from .analyst import MediaPart


class ChatRole(StrEnum):
    """Who wrote a turn of a conversation."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One earlier message of a conversation, or the question, which is the last turn."""

    role: ChatRole
    text: str


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation, which keeps our instructions (`system`) apart from the untrusted data in its turns."""

    system: str
    turns: Sequence[ChatTurn]
    """In order of time; the first and the last are the user's."""
    version: str
    max_output_tokens: int
    """Includes thinking."""
    user_ref: str
    """An opaque name of the user, which vendors ask for so that they can report abuse."""
    media: Sequence[MediaPart] = ()
    """Pictures and videos, which the model receives before the first turn."""


class Finish(StrEnum):
    """Why a model stopped writing."""

    STOP = "stop"
    """The answer is complete."""
    LENGTH = "length"
    """The limit of output tokens cut the answer."""
    REFUSED = "refused"
    """The vendor withdrew the answer: text that was already delivered must not be shown any more."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """The next piece of the answer; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ChatEnd:
    """The end of an answer: the last event of a stream that did not fail."""

    finish: Finish
    provider: str
    model: str
    input_tokens: int | None
    """The whole prompt, cached parts included."""
    output_tokens: int | None
    """Answer and thinking together."""
    cost_usd: Decimal | None
    """None: the model's price or its token counts are unknown."""
    is_stand_in: bool


type ChatEvent = ChatDelta | ChatEnd


class ChatModel(Protocol):
    """Continues a conversation."""

    def stream(self, prompt: ChatPrompt, *, timeout_s: float) -> AsyncIterator[ChatEvent]:
        """Yield the pieces of the answer as the model writes them, and then its end.

        A failure before the first piece may be answered by another key, model or try; after it there is none. A
        consumer that stops early closes the iterator, which closes the connection and records the call.

        Args:
            prompt: instructions, conversation and media.
            timeout_s: for the whole answer, all tries included.

        Raises:
            ProviderError: no answer, or its rest is missing. `category` is rate_limit, auth, timeout, provider_error,
                unsupported or ai_error.
        """
        ...
