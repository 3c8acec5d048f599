"""The replies of the model, whole and in pieces. Source: ai.google.dev, generateContent; google-genai 3.4."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from local.stand_ins.gemini.errors import error_body, invalid_argument
from local.stand_ins.gemini.media import in_words
from local.stand_ins.gemini.question import Question, count_tokens
from local.stand_ins.language_models.event_stream import EventScript, event
from local.stand_ins.language_models.prompt_orders import Ending
from local.stand_ins.language_models.schema import SchemaFiller, UnfillableSchema
from local.stand_ins.language_models.writer import chat_reply, gather

type Json = dict[str, Any]

_THOUGHTS_SHARE = {"MINIMAL": 0.0, "LOW": 0.25, "MEDIUM": 0.5, "HIGH": 1.0}


def whole_reply(question: Question, model: str) -> Json:
    """Return the one reply of a call that is not streamed."""
    text, usage, finish_reason = _answered(question)
    ending = question.order.ending
    if ending is Ending.REFUSE:
        return _blocked(model, usage)
    if ending in (Ending.EMPTY, Ending.REFUSE_MIDWAY):
        text = ""
    return _reply(model, secrets.token_urlsafe(16), text, usage, _finish_reason(ending, finish_reason))


def streamed_replies(question: Question, model: str) -> list[Json]:
    """Return the replies of an undisturbed stream: each has the next piece of text, the last one the reason."""
    pieces, last = _pieces(question, model)
    return [*pieces, last[Ending.COMPLETE]]


def event_script(question: Question, model: str) -> EventScript:
    """Return the events of a stream; Gemini sends no event before the text."""
    pieces, last = _pieces(question, model)
    return EventScript(
        opening=[],
        pieces=[_event(piece) for piece in pieces],
        closing={ending: [_event(reply)] for ending, reply in last.items()},
        error=_event(dict(error_body(503, "The model is overloaded. Please try again later."))),
    )


def _event(reply: Json) -> bytes:
    return event(reply, newline="\r\n")


def _pieces(question: Question, model: str) -> tuple[Sequence[Json], Mapping[Ending, Json]]:
    """Return the replies with all but the last piece of text, and the last reply of each ending."""
    text, usage, finish_reason = _answered(question)
    response_id = secrets.token_urlsafe(16)
    *firsts, last_text = question.order.pieces_of(text)

    def reply(piece: str, reason: str | None) -> Json:
        return _reply(model, response_id, piece, usage, reason)

    last = {
        Ending.COMPLETE: reply(last_text, finish_reason),
        Ending.LENGTH: reply(last_text, "MAX_TOKENS"),
        Ending.EMPTY: reply("", "STOP"),
        Ending.REFUSE: _blocked(model, usage),
        Ending.REFUSE_MIDWAY: _without_content(reply("", "SAFETY")),
    }
    return [reply(piece, None) for piece in firsts], last


def _finish_reason(ending: Ending, finish_reason: str) -> str:
    return {Ending.LENGTH: "MAX_TOKENS", Ending.REFUSE_MIDWAY: "SAFETY"}.get(ending, finish_reason)


def _answered(question: Question) -> tuple[str, Json, str]:
    """Return the answer's text, its cost in tokens, and the reason why it ended."""
    material = gather(question.system, question.user_text, media=in_words(question.media))
    if question.wants_json:
        schema = question.schema or {"type": "object", "properties": {"answer": {"type": "string"}}}
        try:
            text = question.order.written(SchemaFiller(schema, material).answer())
        except UnfillableSchema as exc:
            raise invalid_argument(f"response_schema cannot be followed: {exc}") from exc
    else:
        text = question.order.worded(chat_reply(material, question.turns[-1][1]))
    input_tokens = question.tokens_by_modality
    thoughts = int(count_tokens(text) * _THOUGHTS_SHARE.get(question.thinking_level, 0.5))
    # Thinking counts against the limit, as it does with the real models.
    room = max(0, question.max_output_tokens - thoughts)
    is_complete = count_tokens(text) <= room
    text = text if is_complete else _cut(text, room)
    usage = {
        "promptTokenCount": sum(input_tokens.values()),
        "candidatesTokenCount": count_tokens(text),
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": sum(input_tokens.values()) + count_tokens(text) + thoughts,
        "promptTokensDetails": [{"modality": name, "tokenCount": tokens} for name, tokens in input_tokens.items()],
    }
    return text, usage, "STOP" if is_complete else "MAX_TOKENS"


def _cut(text: str, tokens: int) -> str:
    while count_tokens(text) > tokens:
        text = text[:-1]
    return text


def _reply(model: str, response_id: str, text: str, usage: Mapping[str, Any], finish_reason: str | None) -> Json:
    signature = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    candidate: Json = {
        "content": {"role": "model", "parts": [{"text": text, "thoughtSignature": signature}]},
        "index": 0,
        "safetyRatings": [],
    }
    if finish_reason:
        candidate["finishReason"] = finish_reason
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": f"{model} (stand-in)",
        "responseId": response_id,
    }


def _without_content(reply: Json) -> Json:
    reply["candidates"][0].pop("content")
    return reply


def _blocked(model: str, usage: Mapping[str, Any]) -> Json:
    """Return the reply to a prompt that was blocked, which has no candidates."""
    return {
        "promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {
            "promptTokenCount": usage["promptTokenCount"],
            "totalTokenCount": usage["promptTokenCount"],
            "promptTokensDetails": usage["promptTokensDetails"],
        },
        "modelVersion": f"{model} (stand-in)",
    }
