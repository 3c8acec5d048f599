"""Gemini's reply, read leniently and judged strictly. Source: ai.google.dev, generateContent."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from whyviral.integrations.http.vendor_model import Lenient, VendorModel
from whyviral.integrations.language_models.fields import ModelName, Tokens
from whyviral.integrations.language_models.written_json import find_object

from .errors import error_of_finish, refused_content, unusable_answer


class _CamelModel(VendorModel):
    model_config = ConfigDict(alias_generator=to_camel)


class Part(_CamelModel):
    """A piece of an answer, or of the thinking that led to it."""

    text: Lenient[str] = None
    thought: Lenient[bool] = None


class Content(_CamelModel):
    """The pieces of an answer."""

    parts: Lenient[list[Lenient[Part]]] = None


class Candidate(_CamelModel):
    """An answer; we ask for one."""

    content: Lenient[Content] = None
    finish_reason: Lenient[str] = None


class PromptFeedback(_CamelModel):
    """The reason why there is no answer."""

    block_reason: Lenient[str] = None


class Usage(_CamelModel):
    """Tokens as they are billed; a missing count is unknown, not free."""

    prompt_token_count: Lenient[Tokens] = None
    tool_use_prompt_token_count: Lenient[Tokens] = None
    candidates_token_count: Lenient[Tokens] = None
    thoughts_token_count: Lenient[Tokens] = None
    total_token_count: Lenient[Tokens] = None

    @property
    def input_tokens(self) -> int | None:
        """Tokens that the model read, including cached ones; a count of zero cannot be true and is unknown."""
        if not self.prompt_token_count:
            return None
        return self.prompt_token_count + (self.tool_use_prompt_token_count or 0)

    @property
    def output_tokens(self) -> int | None:
        """Tokens that the model wrote and thought; a reply leaves out a count of zero, which the total then shows."""
        if self.candidates_token_count is not None or self.thoughts_token_count is not None:
            return (self.candidates_token_count or 0) + (self.thoughts_token_count or 0)
        if self.total_token_count is None or self.input_tokens is None:
            return None
        return max(0, self.total_token_count - self.input_tokens)


class GeminiAnswer(_CamelModel):
    """The fields of a reply that we use."""

    candidates: Lenient[list[Lenient[Candidate]]] = None
    prompt_feedback: Lenient[PromptFeedback] = None
    usage_metadata: Lenient[Usage] = None
    model_version: Lenient[ModelName] = None

    def as_object(self) -> Mapping[str, Any]:
        """Return the JSON object that the model wrote.

        Raises:
            GeminiError: blocked, cut off, empty or not an object.
        """
        candidate = self.candidates[0] if self.candidates else None
        if candidate is None:
            is_blocked = self.prompt_feedback is not None and self.prompt_feedback.block_reason is not None
            raise refused_content() if is_blocked else unusable_answer()
        if candidate.finish_reason != "STOP":
            raise error_of_finish(candidate.finish_reason)
        answer = find_object(text_of(candidate))
        if answer is None:
            raise unusable_answer()
        return answer


def text_of(candidate: Candidate) -> str:
    """Return the text of an answer, without the thinking that led to it."""
    parts = candidate.content.parts if candidate.content else None
    return "".join(part.text or "" for part in parts or () if part and not part.thought)
