"""What differs between vendors: how a question is written, and how answers and errors are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import httpx

from whyviral.integrations.http.event_stream import ServerEvent
from whyviral.integrations.ports.analyst import MediaSupport
from whyviral.integrations.ports.chat_model import Finish

from .errors import ModelError
from .prices import Usage
from .question import Question
from .tokens import TokenBounds


@dataclass(frozen=True, slots=True)
class WireRequest:
    """The parts of a POST request; its headers hold the key."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)


@dataclass(slots=True)
class AnswerState:
    """An answer as far as it is known; a reader fills it in while the events of a stream arrive."""

    finish: Finish | None = None
    """None: the model has not said why it stopped."""
    is_complete: bool = False
    """Whether the vendor's last event has arrived."""
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    """As the vendor names it."""


class AnswerReader(Protocol):
    """Reads the events of one stream."""

    @property
    def state(self) -> AnswerState:
        """Return what is known about the answer so far."""
        ...

    def read(self, event: ServerEvent) -> str:
        """Return the text that an event adds, which may be empty.

        Raises:
            ModelError: the event reports an error, or cannot be read.
        """
        ...


class Dialect(Protocol):
    """The HTTP API of one vendor."""

    @property
    def provider(self) -> str:
        """Return the vendor's name in our records."""
        ...

    @property
    def operation(self) -> str:
        """Return method and path template, for the log of calls."""
        ...

    @property
    def tokens(self) -> TokenBounds:
        """Return the most tokens that media count for."""
        ...

    @property
    def takes(self) -> MediaSupport:
        """Return the media that the vendor's models can be shown."""
        ...

    def request(self, question: Question, *, model: str, key: str, timeout_s: float, is_streamed: bool) -> WireRequest:
        """Write a question.

        Raises:
            ModelError: unsupported; the model takes none of such media.
        """
        ...

    def open_reader(self) -> AnswerReader:
        """Return a reader for one stream."""
        ...

    def read_answer(self, document: Mapping[str, Any]) -> tuple[str, AnswerState]:
        """Return the text and the end of an answer that was not streamed.

        Raises:
            ModelError: the document reports an error.
        """
        ...

    def error_of_status(self, status: int, headers: httpx.Headers, document: Any, *, now: datetime) -> ModelError:
        """Return the error for a status other than 200; it quotes nothing of the document, which may hold the key."""
        ...
