"""Anthropic's Messages API. Source: platform.claude.com/docs/en/api/messages, version 2026-10-21."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from local.stand_ins.anthropic.errors import error_body, invalid, refusal, refusal_of_key, request_id
from local.stand_ins.anthropic.question import MODELS, read_question
from local.stand_ins.language_models.event_stream import EventScript, event, streamed
from local.stand_ins.language_models.prompt_orders import Ending
from local.stand_ins.language_models.question import Answered, ModelQuestion
from local.stand_ins.language_models.schema import UnfillableSchema
from local.stand_ins.scenario.refusals import json_object
from local.stand_ins.state import call_of

type Json = dict[str, Any]

_PATCH = 28
_VERSIONS = ("2023-06-01", "2026-10-21")
_MOST_BYTES = 32 * 1024 * 1024
_STOP_DETAILS = {"type": "refusal", "category": "general_harms", "explanation": "A stand-in refuses on request."}


async def _require_key(
    x_api_key: Annotated[str, Header()] = "",
    authorization: Annotated[str, Header()] = "",
    anthropic_version: Annotated[str, Header()] = "",
) -> None:
    if refused := refusal_of_key(x_api_key or authorization.removeprefix("Bearer ")):
        raise refused
    if anthropic_version not in _VERSIONS:
        raise invalid("anthropic-version: header is required")


router = APIRouter(prefix="/anthropic/v1", dependencies=[Depends(_require_key)])


@router.get("/models")
async def list_models() -> Json:
    """Return the models."""
    return {"data": [_described(model) for model in MODELS], "has_more": False, "first_id": None, "last_id": None}


def _described(model: str) -> Json:
    display_name = f"{model} (stand-in)"
    return {"type": "model", "id": model, "display_name": display_name, "created_at": "2026-10-07T00:00:00Z"}


@router.post("/messages")
async def create_message(request: Request) -> Response:
    """Answer at once, or piece by piece."""
    if int(request.headers.get("content-length", "0")) > _MOST_BYTES:
        raise refusal(413, "Request exceeds the maximum size")
    question = read_question(await json_object(request, invalid("The request body is not valid JSON")))
    call_of(request).parts = list(question.parts)
    try:
        answered = question.answer(patch=_PATCH)
    except UnfillableSchema as exc:
        raise invalid(f"output_config.format.schema: {exc}") from exc
    headers = {
        "request-id": request_id(),
        "anthropic-ratelimit-requests-limit": "1000",
        "anthropic-ratelimit-requests-remaining": "999",
        "anthropic-ratelimit-requests-reset": "2026-11-28T12:00:00Z",
    }
    if question.is_streamed:
        return streamed(request, _script(question, answered, headers), question.order)
    return JSONResponse(_whole(question, answered), headers=headers)


def _whole(question: ModelQuestion, answered: Answered) -> Json:
    ending = question.order.ending
    is_refused = ending in (Ending.REFUSE, Ending.REFUSE_MIDWAY)
    thinking = {"type": "thinking", "thinking": "", "signature": "c2lnbmF0dXJl"}
    blocks = [] if ending is Ending.REFUSE else [thinking, {"type": "text", "text": answered.text}]
    reason = "refusal" if is_refused else "end_turn" if answered.is_complete else "max_tokens"
    message = _message(question, blocks, reason, _usage(answered))
    return message | {"stop_details": _STOP_DETAILS if is_refused else None}


def _message(question: ModelQuestion, content: list[Json], stop_reason: str | None, usage: Json) -> Json:
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage,
    }


def _usage(answered: Answered, *, is_start: bool = False) -> Json:
    output = 1 if is_start else answered.output_tokens + answered.thinking_tokens
    return {
        "input_tokens": answered.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": 0 if is_start else answered.thinking_tokens},
        "service_tier": "standard",
    }


def _script(question: ModelQuestion, answered: Answered, headers: Mapping[str, str]) -> EventScript:
    """Return the events in the vendor's order: thinking first, a ping and an unknown event among them."""
    message = _message(question, [], None, _usage(answered, is_start=True))
    opening = [
        _event("message_start", message=message),
        _event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
        _event("ping"),
        _event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hmm."}),
        _event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2lnbmF0dXJl"}),
        _event("content_block_stop", index=0),
        _event("stand_in_note", note="clients ignore unknown events"),
        _event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
    ]
    texts = question.order.pieces_of(answered.text)
    pieces = [_event("content_block_delta", index=1, delta={"type": "text_delta", "text": text}) for text in texts]
    usual = "end_turn" if answered.is_complete else "max_tokens"
    reasons = {Ending.COMPLETE: usual, Ending.LENGTH: "max_tokens", Ending.EMPTY: "end_turn"}
    reasons |= {Ending.REFUSE: "refusal", Ending.REFUSE_MIDWAY: "refusal"}
    return EventScript(
        opening=opening,
        pieces=pieces,
        closing={ending: _closing(reason, answered) for ending, reason in reasons.items()},
        error=event(dict(error_body(529, "Overloaded")), name="error"),
        headers=headers,
    )


def _closing(reason: str, answered: Answered) -> list[bytes]:
    delta: Json = {"stop_reason": reason, "stop_sequence": None}
    if reason == "refusal":
        delta["stop_details"] = _STOP_DETAILS
    return [
        _event("content_block_stop", index=1),
        _event("message_delta", delta=delta, usage=_usage(answered)),
        _event("message_stop"),
    ]


def _event(name: str, **fields: Any) -> bytes:
    return event({"type": name, **fields}, name=name)
