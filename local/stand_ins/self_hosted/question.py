"""Reads a request to the chat API. Source: docs.vllm.ai, "OpenAI-Compatible Server"."""

from collections.abc import Mapping
from typing import Any

from local.stand_ins.language_models.pictures import Picture, read_data_url
from local.stand_ins.language_models.question import ModelQuestion
from local.stand_ins.self_hosted.errors import invalid, model_not_found

MODELS = ("stand-in",)
_DEFAULT_MAX_TOKENS = 4_096
_CONTEXT_CHARACTERS = 2_000_000


def read_question(body: Mapping[str, Any]) -> ModelQuestion:
    """Return the question in a request body.

    Raises:
        Refusal: as such servers refuse it.
    """
    model = body.get("model")
    if model not in MODELS:
        raise model_not_found(str(model))
    max_tokens = body.get("max_tokens", _DEFAULT_MAX_TOKENS)
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise invalid("max_tokens must be at least 1")
    reader = _MessageReader()
    turns = reader.read(body.get("messages"))
    if sum(len(text) for _, text in turns) > _CONTEXT_CHARACTERS:
        raise invalid("the request exceeds the available context size", kind="exceed_context_size_error")
    system = "\n".join(text for role, text in turns if role == "system")
    spoken = [turn for turn in turns if turn[0] != "system"]
    if not spoken:
        raise invalid("messages must hold a question")
    return ModelQuestion(
        model=str(model),
        system=system,
        turns=spoken,
        pictures=reader.pictures,
        parts=reader.parts,
        schema=_schema(body.get("response_format")),
        max_output_tokens=max_tokens,
        is_streamed=body.get("stream") is True,
    )


def wants_usage(body: Mapping[str, Any]) -> bool:
    """Whether a stream ends with a chunk that has the usage."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


class _MessageReader:
    """Reads messages, and collects the pictures among them."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.parts: list[str] = []

    def read(self, messages: Any) -> list[tuple[str, str]]:
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise invalid("messages must be a list of objects")
        return [(self._role(message), self._text(message.get("content"))) for message in messages]

    def _role(self, message: Mapping[str, Any]) -> str:
        if message.get("role") not in ("system", "user", "assistant"):
            raise invalid("role must be system, user or assistant")
        return str(message["role"])

    def _text(self, content: Any) -> str:
        if isinstance(content, str):
            self.parts.append("text")
            return content
        if not isinstance(content, list):
            raise invalid("content must be a string or a list of parts")
        return "\n".join(text for part in content if (text := self._read_part(part)) is not None)

    def _read_part(self, part: Any) -> str | None:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            self.parts.append("text")
            return str(part.get("text", ""))
        if kind != "image_url" or not isinstance(part.get("image_url"), dict):
            raise invalid(f"unsupported content part: {kind}")
        try:
            picture = read_data_url(part["image_url"].get("url"))
        except ValueError as exc:
            raise invalid(f"failed to load image: {exc}") from exc
        self.pictures.append(picture)
        self.parts.append(picture.content_type)
        return None


def _schema(answer_format: Any) -> Mapping[str, Any] | None:
    if not isinstance(answer_format, dict) or answer_format.get("type") != "json_schema":
        return None
    holder = answer_format.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        raise invalid("response_format.json_schema.schema must be an object")
    return schema
