"""A server with OpenAI's chat API, as vLLM, Ollama and llama.cpp are. Source: docs.vllm.ai, docs.ollama.com."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from local.stand_ins.language_models.event_stream import EventScript, event, streamed
from local.stand_ins.language_models.prompt_orders import Ending
from local.stand_ins.language_models.question import Answered, ModelQuestion
from local.stand_ins.language_models.schema import UnfillableSchema
from local.stand_ins.scenario.refusals import json_object
from local.stand_ins.self_hosted.errors import error_body, invalid, refusal_of_key
from local.stand_ins.self_hosted.question import MODELS, read_question, wants_usage
from local.stand_ins.state import call_of

type Json = dict[str, Any]

_PATCH = 32
_THINKING = ("<thi", "nk>Hmm.</th", "ink>\n")


async def _require_key(authorization: Annotated[str, Header()] = "") -> None:
    if refused := refusal_of_key(authorization.removeprefix("Bearer ")):
        raise refused


router = APIRouter(prefix="/self_hosted/v1", dependencies=[Depends(_require_key)])


@router.get("/models")
async def list_models() -> Json:
    """Return the models."""
    models = [{"id": model, "object": "model", "created": 1_790_000_000, "owned_by": "stand-in"} for model in MODELS]
    return {"object": "list", "data": models}


@router.post("/chat/completions")
async def create_chat_completion(request: Request) -> Response:
    """Answer at once, or piece by piece."""
    body = await json_object(request, invalid("the body is not valid JSON"))
    question = read_question(body)
    call_of(request).parts = list(question.parts)
    try:
        answered = question.answer(patch=_PATCH)
    except UnfillableSchema as exc:
        raise invalid(f"failed to parse grammar: {exc}") from exc
    if question.is_streamed:
        return streamed(request, _script(question, answered, with_usage=wants_usage(body)), question.order)
    return JSONResponse(_whole(question, answered))


def _whole(question: ModelQuestion, answered: Answered) -> Json:
    ending = question.order.ending
    reason = "stop" if answered.is_complete else "length"
    if ending in (Ending.REFUSE, Ending.REFUSE_MIDWAY):
        reason = "content_filter"
    message = {"role": "assistant", "content": "".join(_THINKING) + answered.text}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return _skeleton(question, "chat.completion") | {"choices": [choice], "usage": _usage(answered)}


def _skeleton(question: ModelQuestion, kind: str) -> Json:
    name = f"chatcmpl-{secrets.token_hex(8)}"
    return {"id": name, "object": kind, "created": 1_790_000_000, "model": f"{question.model} (stand-in)"}


def _usage(answered: Answered) -> Json:
    output = answered.output_tokens + answered.thinking_tokens
    total = answered.input_tokens + output
    return {"prompt_tokens": answered.input_tokens, "completion_tokens": output, "total_tokens": total}


def _script(question: ModelQuestion, answered: Answered, *, with_usage: bool) -> EventScript:
    """Return the chunks: a comment, thinking between tags, the text, the reason, the usage, and `[DONE]`."""
    skeleton = _skeleton(question, "chat.completion.chunk")

    def chunk(delta: Json, reason: str | None = None) -> bytes:
        return event(skeleton | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    usage = event(skeleton | {"choices": [], "usage": _usage(answered)})
    opening = [
        b": ping\n\n",
        chunk({"role": "assistant", "content": None}),
        *(chunk({"content": t}) for t in _THINKING),
    ]
    usual = "stop" if answered.is_complete else "length"
    reasons = {Ending.COMPLETE: usual, Ending.LENGTH: "length", Ending.EMPTY: "stop"}
    reasons |= {Ending.REFUSE: "content_filter", Ending.REFUSE_MIDWAY: "content_filter"}
    end = [usage, event("[DONE]")] if with_usage else [event("[DONE]")]
    return EventScript(
        opening=opening,
        pieces=[chunk({"content": text}) for text in question.order.pieces_of(answered.text)],
        closing={ending: [chunk({}, reason), *end] for ending, reason in reasons.items()},
        error=event(dict(error_body(500, "CUDA out of memory", kind="server_error"))),
    )
