"""OpenAI's responses and events, read leniently. Source: developers.openai.com/api/docs/api-reference/responses."""

from typing import Any

from whyviral.integrations.http.vendor_model import Lenient, VendorModel
from whyviral.integrations.language_models.dialect import AnswerState
from whyviral.integrations.language_models.fields import ModelName, Tokens
from whyviral.integrations.language_models.prices import Usage
from whyviral.integrations.ports.chat_model import Finish


class InputDetails(VendorModel):
    """The cached parts of the input."""

    cache_write_tokens: Lenient[Tokens] = None


class TokenUsage(VendorModel):
    """Tokens as they are billed; the input includes cached parts, the output includes reasoning."""

    input_tokens: Lenient[Tokens] = None
    input_tokens_details: Lenient[InputDetails] = None
    output_tokens: Lenient[Tokens] = None

    def as_usage(self) -> Usage:
        """Return the counts."""
        details = self.input_tokens_details or InputDetails()
        return Usage(self.input_tokens, self.output_tokens, cache_write_tokens=details.cache_write_tokens or 0)


class Part(VendorModel):
    """A part of a message: text, or a refusal."""

    type: Lenient[str] = None
    text: Lenient[str] = None


class Item(VendorModel):
    """An item of the output: a message, or reasoning that is not shown."""

    type: Lenient[str] = None
    content: Lenient[list[Lenient[Part]]] = None


class IncompleteDetails(VendorModel):
    """Why a response is incomplete."""

    reason: Lenient[str] = None


class Response(VendorModel):
    """A whole response."""

    status: Lenient[str] = None
    model: Lenient[ModelName] = None
    incomplete_details: Lenient[IncompleteDetails] = None
    error: Lenient[dict[str, Any]] = None
    output: Lenient[list[Lenient[Item]]] = None
    usage: Lenient[TokenUsage] = None

    @property
    def parts(self) -> list[Part]:
        """Return the parts of its messages."""
        items = [item for item in self.output or () if item and item.type == "message"]
        return [part for item in items for part in item.content or () if part]

    @property
    def text(self) -> str:
        """Return the text of its messages."""
        return "".join(part.text or "" for part in self.parts if part.type == "output_text")

    def as_state(self) -> AnswerState:
        """Return the end of the answer; a failed response is one that was refused, as others are errors."""
        usage = self.usage.as_usage() if self.usage else Usage()
        return AnswerState(self._finish(), True, usage, self.model)

    def _finish(self) -> Finish | None:
        if self.status == "failed" or any(part.type == "refusal" for part in self.parts):
            return Finish.REFUSED
        if self.status == "completed":
            return Finish.STOP
        if self.status != "incomplete":
            return None
        reason = self.incomplete_details.reason if self.incomplete_details else None
        return {"max_output_tokens": Finish.LENGTH, "content_filter": Finish.REFUSED}.get(reason or "", Finish.OTHER)


class Event(VendorModel):
    """One event of a stream; unknown types are ignored."""

    type: Lenient[str] = None
    delta: Lenient[str] = None
    response: Lenient[Response] = None
