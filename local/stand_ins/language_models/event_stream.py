"""Streams an answer as server-sent events, in pieces, with the pauses and the ending that its prompt orders."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse

from local.stand_ins.language_models.prompt_orders import Ending, PromptOrder

_SPLIT_BYTES = 5
_GARBAGE = b"data: <html><body>upstream connect error</body></html>\n\n"


@dataclass(frozen=True, slots=True)
class EventScript:
    """The events of one answer, in the vendor's form and order."""

    opening: Sequence[bytes]
    """Before the text."""
    pieces: Sequence[bytes]
    """With the text."""
    closing: Mapping[Ending, Sequence[bytes]]
    """After the text; ends of a stream that the vendor never sends are missing."""
    error: bytes
    """The event of a failure after the stream has begun."""
    headers: Mapping[str, str] = field(default_factory=dict)


def event(data: Mapping[str, Any] | str, *, name: str = "", newline: str = "\n") -> bytes:
    """Return one event; text is not escaped, so that separators of lines stand in it as they are."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    lines = [f"event: {name}"] * bool(name) + [f"data: {text}"]
    return (newline.join(lines) + newline * 2).encode(errors="replace")


def streamed(request: Request, script: EventScript, order: PromptOrder) -> StreamingResponse:
    """Return the response that plays a script."""
    return StreamingResponse(_played(request, script, order), media_type="text/event-stream", headers=script.headers)


async def _played(request: Request, script: EventScript, order: PromptOrder) -> AsyncIterator[bytes]:
    faults = request.app.state.stand_ins.faults
    for each in _events(script, order):
        for chunk in _chunks(each, order):
            yield chunk
        if order.pause_ms:
            await faults.pause(order.pause_ms / 1000)
    match order.ending:
        case Ending.CUT | Ending.CUT_FIRST:
            request.scope["state"]["transport"].close()
        case Ending.SILENCE:
            await faults.pause(600)


def _events(script: EventScript, order: PromptOrder) -> list[bytes]:
    half = script.pieces[: -(-len(script.pieces) // 2)]
    begun = [*script.opening, *half]
    interrupted = {
        Ending.CUT_FIRST: [],
        Ending.ERROR_FIRST: [script.error],
        Ending.CUT: begun,
        Ending.SILENCE: begun,
        Ending.END_EARLY: begun,
        Ending.ERROR: [*begun, script.error],
        Ending.GARBAGE: [*begun, _GARBAGE],
    }
    if order.ending in interrupted:
        return interrupted[order.ending]
    without_all: dict[Ending, Sequence[bytes]] = {Ending.REFUSE: [], Ending.EMPTY: [], Ending.REFUSE_MIDWAY: half}
    pieces = without_all.get(order.ending, script.pieces)
    return [*script.opening, *pieces, *script.closing[order.ending]]


def _chunks(content: bytes, order: PromptOrder) -> list[bytes]:
    if not order.is_split:
        return [content]
    return [content[start : start + _SPLIT_BYTES] for start in range(0, len(content), _SPLIT_BYTES)]
