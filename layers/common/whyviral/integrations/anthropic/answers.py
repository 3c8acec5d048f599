"""Anthropic's answers and events, read leniently. Source: platform.claude.com/docs/en/build-with-claude/streaming."""

from whyviral.integrations.http.vendor_model import Lenient, VendorModel
from whyviral.integrations.language_models.fields import ModelName, Tokens
from whyviral.integrations.language_models.prices import Usage
from whyviral.integrations.ports.chat_model import Finish

_FINISHES = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSED,
}


class TokenUsage(VendorModel):
    """Tokens as they are billed; in a stream they are cumulative."""

    input_tokens: Lenient[Tokens] = None
    cache_creation_input_tokens: Lenient[Tokens] = None
    cache_read_input_tokens: Lenient[Tokens] = None
    output_tokens: Lenient[Tokens] = None

    def added_to(self, known: Usage) -> Usage:
        """Return the usage that was known before, with the counts of this document."""
        written, read = self.cache_creation_input_tokens or 0, self.cache_read_input_tokens or 0
        total = known.input_tokens if self.input_tokens is None else self.input_tokens + written + read
        output = known.output_tokens if self.output_tokens is None else self.output_tokens
        return Usage(total, output, cache_write_tokens=max(written, known.cache_write_tokens))


class Block(VendorModel):
    """A block of an answer: text, or thinking that is not shown."""

    type: Lenient[str] = None
    text: Lenient[str] = None


class Message(VendorModel):
    """A whole answer, or its beginning in a stream."""

    model: Lenient[ModelName] = None
    content: Lenient[list[Lenient[Block]]] = None
    stop_reason: Lenient[str] = None
    usage: Lenient[TokenUsage] = None

    @property
    def text(self) -> str:
        """Return the text of the answer."""
        return "".join(block.text or "" for block in self.content or () if block and block.type == "text")


class Delta(VendorModel):
    """What an event adds: to a block, or to the message."""

    type: Lenient[str] = None
    text: Lenient[str] = None
    stop_reason: Lenient[str] = None


class Event(VendorModel):
    """One event of a stream; unknown types are ignored."""

    type: Lenient[str] = None
    message: Lenient[Message] = None
    delta: Lenient[Delta] = None
    usage: Lenient[TokenUsage] = None


def finish_of(stop_reason: str | None) -> Finish | None:
    """Return why the model stopped; None: it has not said so."""
    return None if stop_reason is None else _FINISHES.get(stop_reason, Finish.OTHER)
