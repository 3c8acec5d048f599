"""OpenAI's Responses API. Source: developers.openai.com/api/docs/api-reference/responses."""

import secrets
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from local.stand_ins.language_models.event_stream import EventScript, event, streamed
from local.stand_ins.language_models.prompt_orders import Ending
from local.stand_ins.language_models.question import Answered, ModelQuestion
from local.stand_ins.language_models.schema import UnfillableSchema
from local.stand_ins.openai.errors import invalid, refusal_of_key
from local.stand_ins.openai.question import MODELS, read_question
from local.stand_ins.scenario.refusals import json_object
from local.stand_ins.state import call_of

type Json = dict[str, Any]

_PATCH = 32
_REFUSAL = "I cannot help with that: a stand-in refuses on request."

router = APIRouter(prefix="/openai/v1")


@router.get("/models")
async def list_models(request: Request) -> Json:
    """Return the models."""
    _require_key(request, is_streamed=False)
    models = [{"id": model, "object": "model", "created": 1_790_000_000, "owned_by": "stand-in"} for model in MODELS]
    return {"object": "list", "data": models}


@router.post("/responses")
async def create_response(request: Request) -> Response:
    """Answer at once, or piece by piece."""
    body = await json_object(request, invalid("We could not parse the JSON body of your request."))
    _require_key(request, is_streamed=body.get("stream") is True)
    question = read_question(body)
    call_of(request).parts = list(question.parts)
    try:
        answered = question.answer(patch=_PATCH)
    except UnfillableSchema as exc:
        raise invalid(f"Invalid schema: {exc}", param="text.format.schema", code="invalid_json_schema") from exc
    headers = {
        "x-request-id": f"req_{secrets.token_hex(12)}",
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "60ms",
    }
    if question.is_streamed:
        return streamed(request, _script(question, answered, headers), question.order)
    return JSONResponse(
        _response(_skeleton(question), answered, _end_of(question.order.ending, answered)), headers=headers
    )


def _require_key(request: Request, *, is_streamed: bool) -> None:
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if refused := refusal_of_key(key, is_streamed=is_streamed):
        raise refused


def _end_of(ending: Ending, answered: Answered) -> Ending:
    """Return the ending of the whole response: the ordered one, or a cut by the limit of tokens."""
    is_whole = ending in (Ending.REFUSE, Ending.REFUSE_MIDWAY, Ending.EMPTY)
    return ending if is_whole else Ending.COMPLETE if answered.is_complete else Ending.LENGTH


def _response(skeleton: Json, answered: Answered, ending: Ending) -> Json:
    status = "incomplete" if ending in (Ending.LENGTH, Ending.REFUSE_MIDWAY) else "completed"
    reason = {Ending.LENGTH: "max_output_tokens", Ending.REFUSE_MIDWAY: "content_filter"}.get(ending)
    part: Json = {"type": "output_text", "text": answered.text, "annotations": []}
    if ending is Ending.REFUSE:
        part = {"type": "refusal", "refusal": _REFUSAL}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [part]}
    return skeleton | {
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [{"id": "rs_1", "type": "reasoning", "summary": []}, message],
        "usage": _usage(answered),
    }


def _skeleton(question: ModelQuestion) -> Json:
    return {
        "id": f"resp_{secrets.token_hex(12)}",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": question.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }


def _usage(answered: Answered) -> Json:
    output = answered.output_tokens + answered.thinking_tokens
    return {
        "input_tokens": answered.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": answered.thinking_tokens},
        "total_tokens": answered.input_tokens + output,
    }


def _script(question: ModelQuestion, answered: Answered, headers: Mapping[str, str]) -> EventScript:
    """Return the events in the vendor's order: a reasoning item first, and an event of an unknown type."""
    typed = _numbered_events(start=0)
    skeleton = _skeleton(question)
    place = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": []}
    opening = [
        typed("response.created", response=skeleton),
        typed("response.in_progress", response=skeleton),
        typed("response.output_item.added", output_index=0, item=reasoning),
        typed("response.output_item.done", output_index=0, item=reasoning),
        typed("response.stand_in_note", note="clients ignore unknown events"),
        typed("response.output_item.added", output_index=1, item=message),
        typed("response.content_part.added", **place, part={"type": "output_text", "text": "", "annotations": []}),
    ]
    texts = question.order.pieces_of(answered.text)
    pieces = [typed("response.output_text.delta", **place, delta=text, logprobs=[]) for text in texts]
    ends = {ending: ending for ending in (Ending.REFUSE, Ending.REFUSE_MIDWAY, Ending.EMPTY, Ending.LENGTH)}
    ends[Ending.COMPLETE] = Ending.COMPLETE if answered.is_complete else Ending.LENGTH
    return EventScript(
        opening=opening,
        pieces=pieces,
        closing={
            ordered: _closing(_response(skeleton, answered, end), place, start=len(opening) + len(pieces))
            for ordered, end in ends.items()
        },
        error=typed("error", code="server_error", message="The server had an error.", param=None),
        headers=headers,
    )


def _numbered_events(*, start: int) -> Callable[..., bytes]:
    """Return a function that writes events, whose sequence numbers count up."""
    numbers = count(start)

    def typed(name: str, **fields: Any) -> bytes:
        return event({"type": name, "sequence_number": next(numbers), **fields}, name=name)

    return typed


def _closing(response: Json, place: Json, *, start: int) -> list[bytes]:
    typed = _numbered_events(start=start)
    (message,) = response["output"][1:]
    (part,) = message["content"]
    if part["type"] == "refusal":
        text_events = [
            typed("response.refusal.delta", **place, delta=part["refusal"]),
            typed("response.refusal.done", **place, refusal=part["refusal"]),
        ]
    else:
        text_events = [typed("response.output_text.done", **place, text=part["text"], logprobs=[])]
    return [
        *text_events,
        typed("response.content_part.done", **place, part=part),
        typed("response.output_item.done", output_index=1, item=message),
        typed(f"response.{response['status']}", response=response),
    ]
