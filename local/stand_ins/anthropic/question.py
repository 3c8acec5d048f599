"""Reads a request to the Messages API, version 2026-10-21. Source: platform.claude.com/docs/en/api/messages."""

from collections.abc import Mapping
from typing import Any

from local.stand_ins.anthropic.errors import invalid, refusal
from local.stand_ins.language_models.pictures import Picture, read_picture
from local.stand_ins.language_models.question import ModelQuestion
from local.stand_ins.language_models.schema_rules import SchemaRules

MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-2", "claude-haiku-4-5")
_RULES = SchemaRules(
    refused=frozenset(
        {
            *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
            *("maxItems", "uniqueItems", "not", "if", "oneOf"),
        }
    ),
    most_min_items=1,
)
_SAMPLING = ("temperature", "top_p", "top_k")
_MOST_PICTURE_BYTES = 10 * 1024 * 1024
_MOST_PICTURES = 100
_FEW_PICTURES = 20
_MOST_SIDE, _MOST_SIDE_OF_MANY = 8_000, 2_000


def read_question(body: Mapping[str, Any]) -> ModelQuestion:
    """Return the question in a request body.

    Raises:
        Refusal: as the vendor refuses it.
    """
    model, max_tokens = body.get("model"), body.get("max_tokens")
    if not isinstance(model, str):
        raise invalid("model: Field required")
    if model not in MODELS:
        raise refusal(404, f"model: {model}")
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise invalid("max_tokens: Field required")
    for name in _SAMPLING:
        if name in body:
            raise invalid(f"{name}: Extra inputs are not permitted")
    if "budget_tokens" in (body.get("thinking") or {}):
        raise invalid("thinking.budget_tokens: not supported by this model")
    reader = _MessageReader()
    turns = [reader.read(message) for message in _messages(body)]
    _check_pictures(reader.pictures)
    return ModelQuestion(
        model=model,
        system=reader.text_of(body.get("system", "")),
        turns=turns,
        pictures=reader.pictures,
        parts=reader.parts,
        schema=_schema(body.get("output_config")),
        max_output_tokens=max_tokens,
        is_streamed=body.get("stream") is True,
    )


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise invalid("messages: at least one message is required")
    for message in messages:
        if message.get("role") not in ("user", "assistant"):
            raise invalid("messages: role must be user or assistant; use the top-level system parameter")
    if messages[-1]["role"] == "assistant":
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    return messages


class _MessageReader:
    """Reads the blocks of messages, and collects the pictures among them."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.parts: list[str] = []

    def read(self, message: Mapping[str, Any]) -> tuple[str, str]:
        return str(message["role"]), self.text_of(message.get("content"))

    def text_of(self, content: Any) -> str:
        if isinstance(content, str):
            self.parts.append("text")
            return content
        if not isinstance(content, list):
            raise invalid("content: must be a string or a list of blocks")
        return "\n".join(text for block in content if (text := self._read_block(block)) is not None)

    def _read_block(self, block: Any) -> str | None:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            self.parts.append("text")
            return str(block.get("text", ""))
        source = block.get("source") if kind == "image" else None
        if not isinstance(source, dict) or source.get("type") != "base64":
            raise invalid(f"content: Input tag '{kind}' found does not match any of the expected tags")
        try:
            picture = read_picture(str(source.get("media_type")), source.get("data"))
        except ValueError as exc:
            raise invalid(f"content.image.source: {exc}") from exc
        self.pictures.append(picture)
        self.parts.append(picture.content_type)
        return None


def _check_pictures(pictures: list[Picture]) -> None:
    most_side = _MOST_SIDE if len(pictures) <= _FEW_PICTURES else _MOST_SIDE_OF_MANY
    if len(pictures) > _MOST_PICTURES:
        raise invalid(f"too many images: at most {_MOST_PICTURES}")
    for picture in pictures:
        if picture.size_bytes > _MOST_PICTURE_BYTES:
            raise invalid("image exceeds 10 MB maximum")
        if max(picture.width, picture.height) > most_side:
            raise invalid(f"image dimensions exceed max allowed size: {most_side} pixels")


def _schema(config: Any) -> Mapping[str, Any] | None:
    answer_format = config.get("format") if isinstance(config, dict) else None
    if answer_format is None:
        return None
    schema = answer_format.get("schema") if isinstance(answer_format, dict) else None
    if not isinstance(schema, dict) or answer_format.get("type") != "json_schema":
        raise invalid("output_config.format: a json_schema with a schema is expected")
    if breach := _RULES.find_breach(schema):
        raise invalid(f"output_config.format.schema: {breach}")
    return schema
