"""Anthropic's Messages API. Source: platform.claude.com/docs/en/api/messages, version 2026-10-21."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.integrations.http.event_stream import ServerEvent
from whyviral.integrations.language_models.dialect import AnswerState, WireRequest
from whyviral.integrations.language_models.documents import parse_object
from whyviral.integrations.language_models.errors import ModelError
from whyviral.integrations.language_models.pictures import encoded_pictures
from whyviral.integrations.language_models.prices import Usage
from whyviral.integrations.language_models.question import Question
from whyviral.integrations.language_models.tokens import TokenBounds
from whyviral.integrations.ports.analyst import MediaSupport

from .answers import Event, Message, TokenUsage, finish_of
from .errors import PROVIDER, error_of_event, error_of_status

_VERSION = "2026-10-21"


class AnthropicDialect:
    """Writes questions for Claude, and reads its answers."""

    provider = PROVIDER
    operation = "POST /v1/messages"
    # Source: platform.claude.com/docs/en/build-with-claude/vision, 2026-11; a picture has at most 4,784 tokens.
    tokens = TokenBounds(context=1_000_000, picture=4_784)
    # More than 20 pictures must be smaller than ours may be.
    takes = MediaSupport(frozenset({"image/jpeg", "image/png", "image/webp"}), max_parts=20)

    def request(self, question: Question, *, model: str, key: str, timeout_s: float, is_streamed: bool) -> WireRequest:  # noqa: ARG002 - the vendor takes no timeout
        """Write a question; temperature and prefilled answers are refused by the vendor, and never sent."""
        pictures = encoded_pictures(question.media, takes=self.takes, provider=PROVIDER)
        turns: list[dict[str, Any]] = [{"role": turn.role.value, "content": turn.text} for turn in question.turns]
        if pictures:
            blocks = [
                {"type": "image", "source": {"type": "base64", "media_type": content_type, "data": data}}
                for content_type, data in pictures
            ]
            turns[0]["content"] = [*blocks, {"type": "text", "text": question.turns[0].text}]
        output: dict[str, Any] = {"effort": "low"}
        if question.schema is not None:
            output["format"] = {"type": "json_schema", "schema": question.schema}
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": question.max_output_tokens,
            "system": question.system,
            "messages": turns,
            "stream": is_streamed,
            "output_config": output,
        }
        if question.user_ref is not None:
            body["metadata"] = {"user_id": question.user_ref}
        headers = {"x-api-key": key, "anthropic-version": _VERSION}
        return WireRequest(f"{endpoints.current().anthropic_url}/messages", headers, body)

    def open_reader(self) -> "AnthropicReader":
        """Return a reader for one stream."""
        return AnthropicReader()

    def read_answer(self, document: Mapping[str, Any]) -> tuple[str, AnswerState]:
        """Return the text and the end of an answer that was not streamed."""
        message = Message.model_validate(document)
        usage = (message.usage or TokenUsage()).added_to(Usage())
        return message.text, AnswerState(finish_of(message.stop_reason), True, usage, message.model)

    def error_of_status(self, status: int, headers: httpx.Headers, document: Any, *, now: datetime) -> ModelError:
        """Return the error for a status."""
        return error_of_status(status, headers, document, now=now)


class AnthropicReader:
    """Reads the events of one stream, among which may be pings, thinking and types that are not known yet."""

    def __init__(self) -> None:
        self.state = AnswerState()

    def read(self, event: ServerEvent) -> str:
        """Return the text that an event adds."""
        document = parse_object(event.data, provider=PROVIDER)
        parsed = Event.model_validate(document)
        match parsed.type:
            case "error":
                raise error_of_event(document)
            case "message_start" if parsed.message is not None:
                self.state.model = parsed.message.model
                self._add(parsed.message.usage)
            case "content_block_delta" if parsed.delta is not None and parsed.delta.type == "text_delta":
                return parsed.delta.text or ""
            case "message_delta":
                self._add(parsed.usage)
                if parsed.delta is not None:
                    self.state.finish = finish_of(parsed.delta.stop_reason)
            case "message_stop":
                self.state.is_complete = True
        return ""

    def _add(self, usage: TokenUsage | None) -> None:
        if usage is not None:
            self.state.usage = usage.added_to(self.state.usage)
