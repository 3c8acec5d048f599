"""Reads a request to the Responses API. Source: developers.openai.com/api/docs/api-reference/responses."""

import re
from collections.abc import Mapping
from typing import Any

from local.stand_ins.language_models.pictures import Picture, read_data_url
from local.stand_ins.language_models.question import ModelQuestion
from local.stand_ins.language_models.schema_rules import SchemaRules
from local.stand_ins.openai.errors import invalid, refusal

MODELS = ("gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol", "gpt-6.2-sol", "gpt-6.2-astra")
_RULES = SchemaRules(
    refused=frozenset({"minLength", "maxLength", "default", "uniqueItems", "not", "if", "allOf", "oneOf"}),
    needs_all_required=True,
    refuses_ref_siblings=True,
)
_DEFAULT_MAX_OUTPUT_TOKENS = 128_000
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_FORMAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNSUPPORTED = {"max_tokens": "max_output_tokens", "messages": "input", "response_format": "text.format"}
"""Fields of the older API, with those that replace them."""


def read_question(body: Mapping[str, Any]) -> ModelQuestion:
    """Return the question in a request body.

    Raises:
        Refusal: as the vendor refuses it.
    """
    model = body.get("model")
    if not isinstance(model, str):
        raise invalid("you must provide a model parameter")
    if model not in MODELS:
        raise refusal(404, f"The model '{model}' does not exist or you do not have access to it.", param="model")
    _check_options(body)
    max_tokens = body.get("max_output_tokens", _DEFAULT_MAX_OUTPUT_TOKENS)
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 16:  # noqa: PLR2004 - the vendor's
        raise invalid("Invalid 'max_output_tokens': integer below minimum value.", param="max_output_tokens")
    reader = _InputReader()
    turns = reader.read(body.get("input"))
    return ModelQuestion(
        model=model,
        system=str(body.get("instructions") or ""),
        turns=turns,
        pictures=reader.pictures,
        parts=reader.parts,
        schema=_schema(body.get("text")),
        max_output_tokens=max_tokens,
        is_streamed=body.get("stream") is True,
    )


def _check_options(body: Mapping[str, Any]) -> None:
    for name, replacement in _UNSUPPORTED.items():
        if name in body:
            message = f"Unsupported parameter: '{name}'. In the Responses API, use '{replacement}' instead."
            raise invalid(message, param=name, code="unsupported_parameter")
    if body.get("temperature", 1) != 1:
        message = "Unsupported value: 'temperature' does not support this value with this model."
        raise invalid(message, param="temperature", code="unsupported_value")
    effort = (body.get("reasoning") or {}).get("effort", "medium")
    is_too_low = str(body["model"]).startswith("gpt-6.2") and effort in ("none", "minimal")
    if effort not in _EFFORTS or is_too_low:
        raise invalid(f"Unsupported value: '{effort}'.", param="reasoning.effort", code="unsupported_value")


class _InputReader:
    """Reads the items of the input, and collects the pictures among them."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.parts: list[str] = []

    def read(self, items: Any) -> list[tuple[str, str]]:
        if isinstance(items, str):
            items = [{"role": "user", "content": items}]
        if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
            raise invalid("Missing required parameter: 'input'.", param="input")
        return [(self._role(item), self._text(item.get("content"))) for item in items]

    def _role(self, item: Mapping[str, Any]) -> str:
        if item.get("role") not in ("user", "assistant", "system", "developer"):
            raise invalid("Invalid value for 'input.role'.", param="input")
        return str(item["role"])

    def _text(self, content: Any) -> str:
        if isinstance(content, str):
            self.parts.append("text")
            return content
        if not isinstance(content, list):
            raise invalid("Invalid type for 'input.content'.", param="input")
        return "\n".join(text for part in content if (text := self._read_part(part)) is not None)

    def _read_part(self, part: Any) -> str | None:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("input_text", "output_text"):
            self.parts.append("text")
            return str(part.get("text", ""))
        if kind != "input_image":
            raise invalid(f"Invalid value: '{kind}'. Supported values are: 'input_text', 'input_image'.", param="input")
        try:
            picture = read_data_url(part.get("image_url"))
        except ValueError as exc:
            raise invalid(f"Invalid image: {exc}", param="input", code="invalid_image") from exc
        self.pictures.append(picture)
        self.parts.append(picture.content_type)
        return None


def _schema(text: Any) -> Mapping[str, Any] | None:
    answer_format = text.get("format") if isinstance(text, dict) else None
    if not isinstance(answer_format, dict) or answer_format.get("type") in (None, "text"):
        return None
    schema = answer_format.get("schema")
    if not isinstance(schema, dict) or not _FORMAT_NAME.fullmatch(str(answer_format.get("name", ""))):
        raise invalid("Missing required parameter: 'text.format.name' or 'text.format.schema'.", param="text.format")
    breach = "a schema cannot have anyOf at its root" if "anyOf" in schema else _RULES.find_breach(schema)
    if answer_format.get("strict") and breach:
        message = f"Invalid schema for response_format '{answer_format['name']}': {breach}."
        raise invalid(message, param="text.format.schema", code="invalid_json_schema")
    return schema
