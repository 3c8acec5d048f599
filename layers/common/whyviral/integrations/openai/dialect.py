"""OpenAI's Responses API. Source: developers.openai.com/api/docs/api-reference/responses, 2026-11."""

import hashlib
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
from whyviral.integrations.language_models.question import Question
from whyviral.integrations.language_models.tokens import TokenBounds
from whyviral.integrations.ports.analyst import MediaSupport

from .answers import Event, Response
from .errors import PROVIDER, error_of_event, error_of_status, is_refusal

_DONE = "[DONE]"
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class OpenAIDialect:
    """Writes questions for OpenAI's models, and reads their answers."""

    provider = PROVIDER
    operation = "POST /v1/responses"
    # A picture has at most 2,500 patches in high detail, times 2.46 with the smallest models.
    # Source: developers.openai.com/api/docs/guides/images-vision, 2026-11.
    tokens = TokenBounds(context=1_050_000, picture=6_150)
    takes = MediaSupport(frozenset({"image/jpeg", "image/png", "image/webp"}))

    def request(self, question: Question, *, model: str, key: str, timeout_s: float, is_streamed: bool) -> WireRequest:  # noqa: ARG002 - the vendor takes no timeout
        """Write a question; nothing of it is stored by the vendor, and its answer neither."""
        turns: list[dict[str, Any]] = [{"role": turn.role.value, "content": turn.text} for turn in question.turns]
        if pictures := encoded_pictures(question.media, takes=self.takes, provider=PROVIDER):
            images = [
                {"type": "input_image", "image_url": f"data:{content_type};base64,{data}", "detail": "high"}
                for content_type, data in pictures
            ]
            turns[0]["content"] = [*images, {"type": "input_text", "text": question.turns[0].text}]
        body: dict[str, Any] = {
            "model": model,
            "instructions": question.system,
            "input": turns,
            "store": False,
            "stream": is_streamed,
            "max_output_tokens": question.max_output_tokens,
            "reasoning": {"effort": "low"},
        }
        if question.user_ref is not None:
            body["safety_identifier"] = hashlib.sha256(question.user_ref.encode()).hexdigest()
        if question.schema is not None:
            answer_format = {"type": "json_schema", "name": "analysis", "strict": True, "schema": question.schema}
            body["text"] = {"format": answer_format}
        headers = {"authorization": f"Bearer {key}"}
        return WireRequest(f"{endpoints.current().openai_url}/responses", headers, body)

    def open_reader(self) -> "OpenAIReader":
        """Return a reader for one stream."""
        return OpenAIReader()

    def read_answer(self, document: Mapping[str, Any]) -> tuple[str, AnswerState]:
        """Return the text and the end of an answer that was not streamed."""
        response = Response.model_validate(document)
        return response.text, _end_of(response)

    def error_of_status(self, status: int, headers: httpx.Headers, document: Any, *, now: datetime) -> ModelError:
        """Return the error for a status."""
        return error_of_status(status, headers, document, now=now)


class OpenAIReader:
    """Reads the events of one stream, of which the last one holds the whole response with the only usage."""

    def __init__(self) -> None:
        self.state = AnswerState()

    def read(self, event: ServerEvent) -> str:
        """Return the text that an event adds."""
        if event.data == _DONE:
            return ""
        document = parse_object(event.data, provider=PROVIDER)
        parsed = Event.model_validate(document)
        if parsed.type == "error":
            raise error_of_event(document)
        if parsed.type == "response.output_text.delta":
            return parsed.delta or ""
        if parsed.type in _ENDS and parsed.response is not None:
            end = _end_of(parsed.response)
            self.state.finish, self.state.usage, self.state.model = end.finish, end.usage, end.model
            self.state.is_complete = True
        return ""


def _end_of(response: Response) -> AnswerState:
    if response.status == "failed" and not is_refusal(response.error or {}):
        raise error_of_event(response.error or {})
    return response.as_state()
