"""OpenAI's chat API, as vLLM, Ollama and llama.cpp serve it. Source: docs.vllm.ai, docs.ollama.com, 2026-11."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from whyviral.integrations.http.event_stream import ServerEvent
from whyviral.integrations.language_models.dialect import AnswerState, WireRequest
from whyviral.integrations.language_models.documents import parse_object
from whyviral.integrations.language_models.errors import ModelError
from whyviral.integrations.language_models.key_ring import NO_KEY
from whyviral.integrations.language_models.pictures import encoded_pictures
from whyviral.integrations.language_models.prices import Usage
from whyviral.integrations.language_models.question import Question
from whyviral.integrations.language_models.tokens import TokenBounds
from whyviral.integrations.ports.analyst import MediaSupport

from .answers import Completion
from .errors import PROVIDER, error_in, error_of_event, error_of_status
from .thinking import ThinkingFilter

_DONE = "[DONE]"


class OpenAICompatibleDialect:
    """Writes questions for one server, and reads its answers."""

    provider = PROVIDER
    operation = "POST /v1/chat/completions"
    tokens = TokenBounds(context=1_000_000, picture=16_384)
    # llama.cpp reads no WebP, and small context windows hold few pictures.
    takes = MediaSupport(frozenset({"image/jpeg", "image/png"}), max_parts=8)

    def __init__(self, base_url: str) -> None:
        """Set the server; its URL may end with `/v1` or without it."""
        url = base_url.rstrip("/")
        self._url = f"{url if url.endswith('/v1') else f'{url}/v1'}/chat/completions"

    def request(self, question: Question, *, model: str, key: str, timeout_s: float, is_streamed: bool) -> WireRequest:  # noqa: ARG002 - these servers take no timeout
        """Write a question."""
        turns: list[dict[str, Any]] = [{"role": turn.role.value, "content": turn.text} for turn in question.turns]
        if pictures := encoded_pictures(question.media, takes=self.takes, provider=PROVIDER):
            # Only data URLs: not every server fetches others.
            images = [
                {"type": "image_url", "image_url": {"url": f"data:{content_type};base64,{data}"}}
                for content_type, data in pictures
            ]
            turns[0]["content"] = [*images, {"type": "text", "text": question.turns[0].text}]
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "system", "content": question.system}, *turns],
            "max_tokens": question.max_output_tokens,
            "stream": is_streamed,
        }
        if is_streamed:
            body["stream_options"] = {"include_usage": True}
        if question.schema is not None:
            answer_format = {"name": "analysis", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": answer_format}
        headers = {} if key == NO_KEY else {"authorization": f"Bearer {key}"}
        return WireRequest(self._url, headers, body)

    def open_reader(self) -> "OpenAICompatibleReader":
        """Return a reader for one stream."""
        return OpenAICompatibleReader()

    def read_answer(self, document: Mapping[str, Any]) -> tuple[str, AnswerState]:
        """Return the text and the end of an answer that was not streamed."""
        if error := error_in(document):
            raise error_of_event(error)
        completion, thinking = Completion.model_validate(document), ThinkingFilter()
        text = thinking.feed(completion.choice.text.content or "") + thinking.finish()
        usage = completion.as_usage() or Usage()
        return text, AnswerState(completion.choice.finish, True, usage, completion.model)

    def error_of_status(self, status: int, headers: httpx.Headers, document: Any, *, now: datetime) -> ModelError:
        """Return the error for a status."""
        return error_of_status(status, headers, document, now=now)


class OpenAICompatibleReader:
    """Reads the chunks of one stream; the usage may come in a chunk after the end of the text, or not at all."""

    def __init__(self) -> None:
        self.state = AnswerState()
        self._thinking = ThinkingFilter()

    def read(self, event: ServerEvent) -> str:
        """Return the text that an event adds."""
        if event.data == _DONE:
            self.state.is_complete = True
            return ""
        document = parse_object(event.data, provider=PROVIDER)
        if error := error_in(document):
            raise error_of_event(error)
        chunk = Completion.model_validate(document)
        self.state.model = chunk.model or self.state.model
        self.state.usage = chunk.as_usage() or self.state.usage
        text = self._thinking.feed(chunk.choice.text.content or "")
        if (finish := chunk.choice.finish) is not None:
            self.state.finish = finish
            text += self._thinking.finish()
        return text
