"""Reads what a client asks of the model, in either spelling that Google accepts. Source: google-genai 3.4."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.stand_ins.gemini.errors import invalid_argument

_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_PICTURE = 1120
_BYTES_PER_AUDIO_VISUAL_TOKEN = 1000
_TOKENS_PER_FILE = 258
_DEFAULT_MAX_OUTPUT_TOKENS = 65_536
_JSON_TYPE = "application/json"
_WORD_START = re.compile(r"(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Question:
    """One request to generate content."""

    system: str
    turns: Sequence[tuple[str, str]]
    """Role ("user" or "model") and text, in order."""
    media_tokens: Mapping[str, int]
    """By modality."""
    wants_json: bool
    schema: Mapping[str, Any] | None
    max_output_tokens: int
    thinking_level: str

    @property
    def user_text(self) -> str:
        """All that the user said, oldest first."""
        return "\n".join(text for role, text in self.turns if role != "model")

    @property
    def tokens_by_modality(self) -> dict[str, int]:
        """What the input weighs; text by its length, media by their bytes."""
        text = self.system + "".join(text for _, text in self.turns)
        schema = json.dumps(self.schema) if self.schema else ""
        return {"TEXT": count_tokens(text + schema)} | dict(self.media_tokens)


def count_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def read_question(body: Mapping[str, Any]) -> Question:
    """Return what is asked.

    Raises:
        Refusal: 400 INVALID_ARGUMENT, naming what is wrong.
    """
    contents = _objects(field(body, "contents"), "contents")
    if not contents:
        raise invalid_argument("contents is not specified")
    media_tokens: dict[str, int] = {}
    turns = [(str(content.get("role") or "user"), _text_of(content, media_tokens)) for content in contents]
    system = field(body, "systemInstruction")
    config = _object(_given(body, "generationConfig", {}), "generation_config")
    schema = _given(config, "responseJsonSchema", field(config, "responseSchema"))
    mime_type = field(config, "responseMimeType") or "text/plain"
    if schema is not None and mime_type != _JSON_TYPE:
        raise invalid_argument("response_mime_type must be application/json when a response schema is given")
    thinking = _object(_given(config, "thinkingConfig", {}), "thinking_config")
    return Question(
        system=_text_of(_object(system, "system_instruction"), {}) if system else "",
        turns=turns,
        media_tokens=media_tokens,
        wants_json=mime_type == _JSON_TYPE,
        schema=_object(schema, "response_schema") if schema is not None else None,
        max_output_tokens=_positive(field(config, "maxOutputTokens"), "max_output_tokens"),
        thinking_level=str(field(thinking, "thinkingLevel") or "MEDIUM").upper(),
    )


def field(message: Mapping[str, Any], name: str) -> Any:
    """Return a field of a message under its camelCase name or its snake_case one; None when it is absent."""
    snake_case = _WORD_START.sub("_", name).lower()
    return message.get(name, message.get(snake_case))


def _given(message: Mapping[str, Any], name: str, default: Any) -> Any:
    value = field(message, name)
    return default if value is None else value


def _text_of(content: Mapping[str, Any], media_tokens: dict[str, int]) -> str:
    """Return the text of a content's parts, and add to `media_tokens` what its media weigh."""
    parts = _objects(field(content, "parts"), "parts")
    if not parts:
        raise invalid_argument("contents.parts must not be empty")
    texts = []
    for part in parts:
        if isinstance(text := part.get("text"), str):
            texts.append(text)
        elif (blob := field(part, "inlineData")) is not None:
            _weigh(_object(blob, "inline_data"), media_tokens)
        elif (file := field(part, "fileData")) is not None:
            if not field(_object(file, "file_data"), "fileUri"):
                raise invalid_argument("file_data.file_uri is not specified")
            media_tokens["VIDEO"] = media_tokens.get("VIDEO", 0) + _TOKENS_PER_FILE
        else:
            raise invalid_argument("a part must have one initialized field: text, inline_data or file_data")
    return "\n".join(texts)


def _weigh(blob: Mapping[str, Any], media_tokens: dict[str, int]) -> None:
    mime_type = str(field(blob, "mimeType") or "")
    if "/" not in mime_type:
        raise invalid_argument("inline_data.mime_type is not valid")
    size_bytes = len(_decode(field(blob, "data")))
    modality = mime_type.partition("/")[0].upper()
    weight = _TOKENS_PER_PICTURE if modality == "IMAGE" else -(-size_bytes // _BYTES_PER_AUDIO_VISUAL_TOKEN)
    media_tokens[modality] = media_tokens.get(modality, 0) + weight


def _decode(data: Any) -> bytes:
    # The SDK sends the URL-safe alphabet, REST clients the standard one, both with or without padding.
    if not isinstance(data, str) or not data:
        raise invalid_argument("inline_data.data is not specified")
    standard = data.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("inline_data.data is not base64") from None


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise invalid_argument(f"{name} is not an object")
    return value


def _objects(value: Any, name: str) -> Sequence[Mapping[str, Any]]:
    # One message where a list is expected is accepted, as the real service does.
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [_object(each, name) for each in values]


def _positive(value: Any, name: str) -> int:
    if value is None:
        return _DEFAULT_MAX_OUTPUT_TOKENS
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid_argument(f"{name} must be a positive integer")
    return value
