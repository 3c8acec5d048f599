"""Gemini's REST API for streamed answers. Source: ai.google.dev, streamGenerateContent.

The SDK's stream raises on comment lines and on fields that we never look at, and loads slowly.
"""

import base64
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from whyviral.core import endpoints
from whyviral.core.clock import utc_now
from whyviral.integrations.http.event_stream import ServerEvent
from whyviral.integrations.language_models.dialect import AnswerState, WireRequest
from whyviral.integrations.language_models.documents import parse_object
from whyviral.integrations.language_models.errors import ModelError
from whyviral.integrations.language_models.prices import Usage as TokenUsage
from whyviral.integrations.language_models.question import Question
from whyviral.integrations.ports.analyst import InlineMedia, MediaPart
from whyviral.integrations.ports.chat_model import ChatRole, Finish

from .answers import GeminiAnswer, text_of
from .errors import BLOCKING_REASONS, PROVIDER, error_of_status
from .media import GEMINI_MEDIA, GEMINI_TOKENS

_ROLES = {ChatRole.USER: "user", ChatRole.ASSISTANT: "model"}


class GeminiChatDialect:
    """Writes questions for Gemini, and reads its answers."""

    provider = PROVIDER
    operation = "POST /v1/models/{model}:streamGenerateContent"
    tokens = GEMINI_TOKENS
    takes = GEMINI_MEDIA

    def request(self, question: Question, *, model: str, key: str, timeout_s: float, is_streamed: bool) -> WireRequest:
        """Write a question."""
        method = "streamGenerateContent?alt=sse" if is_streamed else "generateContent"
        turns = [{"role": _ROLES[turn.role], "parts": [{"text": turn.text}]} for turn in question.turns]
        # Media before the words about them. Source: ai.google.dev, "Video understanding", best practices.
        turns[0]["parts"] = [*map(_as_part, question.media), *turns[0]["parts"]]
        return WireRequest(
            url=f"{endpoints.current().gemini_url}/v1/models/{quote(model, safe='')}:{method}",
            headers={"x-goog-api-key": key, "x-server-timeout": str(max(1, math.ceil(timeout_s)))},
            body={
                "systemInstruction": {"parts": [{"text": question.system}]},
                "contents": turns,
                "generationConfig": {
                    "maxOutputTokens": question.max_output_tokens,
                    "thinkingConfig": {"thinkingLevel": "LOW"},
                },
            },
        )

    def open_reader(self) -> "GeminiReader":
        """Return a reader for one stream."""
        return GeminiReader()

    def read_answer(self, document: Mapping[str, Any]) -> tuple[str, AnswerState]:
        """Return the text and the end of an answer that was not streamed."""
        reader = GeminiReader()
        return reader.read_document(document), reader.state

    def error_of_status(self, status: int, headers: httpx.Headers, document: Any, *, now: datetime) -> ModelError:  # noqa: ARG002 - the body has the delay
        """Return the error for a status."""
        return error_of_status(status, document, now=now)


class GeminiReader:
    """Reads the events of one stream: each is a reply with the next piece of text."""

    def __init__(self) -> None:
        self.state = AnswerState()

    def read(self, event: ServerEvent) -> str:
        """Return the text that an event adds."""
        return self.read_document(parse_object(event.data, provider=PROVIDER))

    def read_document(self, document: Mapping[str, Any]) -> str:
        """Return the text of a reply, and note how the answer ends."""
        if isinstance(error := document.get("error"), Mapping):
            code = error.get("code")
            raise error_of_status(code if isinstance(code, int) else 500, document, now=utc_now())
        answer = GeminiAnswer.model_validate(document)
        if usage := answer.usage_metadata:
            self.state.usage = TokenUsage(usage.input_tokens, usage.output_tokens)
        self.state.model = answer.model_version or self.state.model
        candidate = answer.candidates[0] if answer.candidates else None
        if candidate is None:
            if answer.prompt_feedback is not None and answer.prompt_feedback.block_reason is not None:
                self._finish(Finish.REFUSED)
            return ""
        if candidate.finish_reason is not None:
            self._finish(_finish_of(candidate.finish_reason))
        return text_of(candidate)

    def _finish(self, finish: Finish) -> None:
        # Only the last reply has a reason. Source: ai.google.dev, generateContent, "FinishReason".
        self.state.finish, self.state.is_complete = finish, True


def _finish_of(reason: str) -> Finish:
    match reason:
        case "STOP":
            return Finish.STOP
        case "MAX_TOKENS":
            return Finish.LENGTH
    # A recitation is asked for again by the analysis. Text that was delivered must be withdrawn.
    return Finish.REFUSED if reason in BLOCKING_REASONS | {"RECITATION"} else Finish.OTHER


def _as_part(media: MediaPart) -> dict[str, Any]:
    if isinstance(media, InlineMedia):
        return {"inlineData": {"mimeType": media.content_type, "data": base64.b64encode(media.data).decode()}}
    return {
        "fileData": {"fileUri": media.url},
        "videoMetadata": {
            "startOffset": f"{media.start_s:g}s",
            "endOffset": f"{media.end_s:g}s",
            "fps": media.frames_per_second,
        },
    }
