"""Reads a request to the model, in either spelling that Google accepts. Source: google-genai 3.4."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.stand_ins.gemini.errors import invalid_argument
from local.stand_ins.gemini.fields import given, positive
from local.stand_ins.gemini.media import SeenMedia, watch_file, watch_url
from local.stand_ins.language_models.prompt_orders import PromptOrder, read_order
from local.stand_ins.language_models.spellings import field

_CHARACTERS_PER_TOKEN = 4
_DEFAULT_MAX_OUTPUT_TOKENS = 65_536
_JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Question:
    """One request to generate content."""

    system: str
    turns: Sequence[tuple[str, str]]
    """Role ("user" or "model") and text, in order."""
    media: Sequence[SeenMedia]
    parts: Sequence[str]
    """The kind of each part, in order: `text`, `video_url` or a content type; never its content."""
    wants_json: bool
    schema: Mapping[str, Any] | None
    max_output_tokens: int
    thinking_level: str

    @property
    def user_text(self) -> str:
        """All text of the user, oldest first."""
        return "\n".join(text for role, text in self.turns if role != "model")

    @property
    def order(self) -> PromptOrder:
        """What the last message orders of the answer."""
        return read_order(self.turns[-1][1])

    @property
    def tokens_by_modality(self) -> dict[str, int]:
        """The tokens of the input: of text by its length, pictures by number, video and sound by duration."""
        text = self.system + "".join(text for _, text in self.turns)
        schema = json.dumps(self.schema) if self.schema else ""
        weights = Counter({"TEXT": count_tokens(text + schema)})
        for medium in self.media:
            weights[medium.modality] += medium.tokens
        return dict(weights)


def count_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def read_question(body: Mapping[str, Any]) -> Question:
    """Return the question in a request body.

    Raises:
        Refusal: 400 INVALID_ARGUMENT, naming what is wrong.
    """
    contents = _objects(field(body, "contents"), "contents")
    if not contents:
        raise invalid_argument("contents is not specified")
    reader = _PartReader()
    turns = [(str(content.get("role") or "user"), reader.text_of(content)) for content in contents]
    system = field(body, "systemInstruction")
    config = _object(given(body, "generationConfig", {}), "generation_config")
    schema = given(config, "responseJsonSchema", field(config, "responseSchema"))
    mime_type = field(config, "responseMimeType") or "text/plain"
    if schema is not None and mime_type != _JSON_TYPE:
        raise invalid_argument("response_mime_type must be application/json when a response schema is given")
    thinking = _object(given(config, "thinkingConfig", {}), "thinking_config")
    return Question(
        system=_PartReader().text_of(_object(system, "system_instruction")) if system else "",
        turns=turns,
        media=reader.media,
        parts=reader.parts,
        wants_json=mime_type == _JSON_TYPE,
        schema=_object(schema, "response_schema") if schema is not None else None,
        max_output_tokens=positive(given(config, "maxOutputTokens", _DEFAULT_MAX_OUTPUT_TOKENS), "max_output_tokens"),
        thinking_level=str(field(thinking, "thinkingLevel") or "MEDIUM").upper(),
    )


class _PartReader:
    """Reads the parts of contents, and collects the media among them."""

    def __init__(self) -> None:
        self.media: list[SeenMedia] = []
        self.parts: list[str] = []

    def text_of(self, content: Mapping[str, Any]) -> str:
        """Return the text of a content's parts."""
        parts = _objects(field(content, "parts"), "parts")
        if not parts:
            raise invalid_argument("contents.parts must not be empty")
        texts = [text for part in parts if (text := self._read(part)) is not None]
        return "\n".join(texts)

    def _read(self, part: Mapping[str, Any]) -> str | None:
        blob, file = field(part, "inlineData"), field(part, "fileData")
        clip = _object(given(part, "videoMetadata", {}), "video_metadata")
        if isinstance(text := part.get("text"), str):
            self.parts.append("text")
            return text
        if blob is not None:
            medium = watch_file(_object(blob, "inline_data"), clip)
        elif file is not None:
            medium = watch_url(_object(file, "file_data"), clip)
        else:
            raise invalid_argument("a part must have one initialized field: text, inline_data or file_data")
        self.parts.append(medium.kind)
        self.media.append(medium)
        return None


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise invalid_argument(f"{name} is not an object")
    return value


def _objects(value: Any, name: str) -> Sequence[Mapping[str, Any]]:
    # One message where a list is expected is accepted, as the real service does.
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [_object(each, name) for each in values]
