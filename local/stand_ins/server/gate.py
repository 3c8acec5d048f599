"""Middleware before every vendor: it records each call and applies limits and faults."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.stand_ins.anthropic.errors import error_body as anthropic_error_body
from local.stand_ins.clerk.errors import error_body as clerk_error_body
from local.stand_ins.dodo.errors import error_body as dodo_error_body
from local.stand_ins.gemini.errors import error_body as gemini_error_body
from local.stand_ins.openai.errors import error_body as openai_error_body
from local.stand_ins.scenario import callers
from local.stand_ins.scenario.faults import Fault, FaultMode, KillMoment, Vendor, answer, drop_connection
from local.stand_ins.self_hosted.errors import error_body as self_hosted_error_body
from local.stand_ins.state import Call, StandIns
from local.stand_ins.supabase import routes as supabase
from local.stand_ins.twitterapi import routes as twitterapi
from local.stand_ins.youtube.data_api import error_body as youtube_error_body

_ERROR_BODIES: Mapping[Vendor, Callable[[int], Mapping[str, Any]]] = {
    Vendor.CLERK: clerk_error_body,
    Vendor.TWITTERAPI: twitterapi.error_body,
    Vendor.GEMINI: gemini_error_body,
    Vendor.OPENAI: openai_error_body,
    Vendor.ANTHROPIC: anthropic_error_body,
    Vendor.SELF_HOSTED: self_hosted_error_body,
    Vendor.BRIGHTDATA: lambda _status: {},
    Vendor.DODO: dodo_error_body,
    Vendor.YOUTUBE: youtube_error_body,
    Vendor.SUPABASE: supabase.error_body,
    Vendor.MEDIA: lambda _status: {},
}


class Gate:
    """ASGI middleware that records calls to vendors and applies their faults; ignores the control API."""

    def __init__(self, app: ASGIApp, stand_ins: StandIns) -> None:
        self.app = app
        self.stand_ins = stand_ins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record one call, and answer it or pass it to the application."""
        target = _vendor_and_path(scope)
        if target is None:
            await self.app(scope, receive, send)
            return
        vendor, path = target
        call = Call(scope["method"], path)
        self.stand_ins.calls[vendor].append(call)
        scope["state"]["call"] = call

        async def record_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                self.stand_ins.limits.record_answer(vendor, message["status"])
            await send(message)

        refused_status = self.stand_ins.limits.find_refusal(vendor, Headers(scope=scope))
        if refused_status is not None:
            await _drain(receive)
            body = _ERROR_BODIES[vendor](refused_status)
            await JSONResponse(body, refused_status)(scope, receive, record_and_send)
            return
        content = scope["query_string"]
        watched = self.stand_ins.watched
        if watched or self.stand_ins.faults.need_content(vendor, call.method, path):
            messages = await _read_ahead(receive)
            content += b"".join([b"\n", *(message.get("body", b"") for message in messages)])
            receive = _replayed(messages, receive)
            call.about = sorted(word for word in watched if word.encode() in content)
        fault = self.stand_ins.faults.consume(vendor, call.method, path, content)
        if fault is None:
            await self.app(scope, receive, record_and_send)
        else:
            await self._apply(fault, scope, receive, record_and_send)

    async def _apply(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.mode:
            case FaultMode.SLOW:
                await self.stand_ins.faults.pause(fault.delay_s)
                await self.app(scope, receive, send)
            case FaultMode.TIMEOUT:
                await self.stand_ins.faults.hold(receive)
                await drop_connection(scope, receive)
            case FaultMode.DISCONNECT:
                await drop_connection(scope, receive)
            case FaultMode.KILL:
                if fault.moment is KillMoment.BEFORE_ANSWER:
                    await self.app(scope, receive, _discard)
                else:
                    await _drain(receive)
                await callers.kill(self.stand_ins.relays.caller_of(scope))
                await drop_connection(scope, receive)
            case FaultMode.STATUS | FaultMode.GARBAGE:
                await _drain(receive)
                await answer(fault, send, default_body=_ERROR_BODIES[fault.vendor](fault.status or 200))


def _vendor_and_path(scope: Scope) -> tuple[Vendor, str] | None:
    if scope["type"] != "http":
        return None
    prefix, _, path = scope["path"].removeprefix("/").partition("/")
    return (Vendor(prefix), f"/{path}") if prefix in Vendor else None


async def _drain(receive: Receive) -> None:
    # A client that is still sending when it gets the answer may see a connection reset instead.
    while (await receive()).get("more_body", False):
        pass


async def _discard(_message: Message) -> None:
    pass


async def _read_ahead(receive: Receive) -> list[Message]:
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    rest = iter(messages)

    async def replay() -> Message:
        message = next(rest, None)
        return await receive() if message is None else message

    return replay
