"""What every vendor call passes first: it is written down, then meets the fault that a test ordered, if any."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.stand_ins.clerk.errors import error_body as clerk_error_body
from local.stand_ins.gemini.errors import error_body as gemini_error_body
from local.stand_ins.scenario import callers
from local.stand_ins.scenario.faults import Fault, FaultMode, KillMoment, Vendor, answer, drop_connection
from local.stand_ins.state import Call, StandIns
from local.stand_ins.supabase import routes as supabase
from local.stand_ins.twitterapi import routes as twitterapi
from local.stand_ins.youtube.data_api import error_body as youtube_error_body

_ERROR_BODIES: Mapping[Vendor, Callable[[int], Mapping[str, Any]]] = {
    Vendor.CLERK: clerk_error_body,
    Vendor.TWITTERAPI: twitterapi.error_body,
    Vendor.GEMINI: gemini_error_body,
    Vendor.BRIGHTDATA: lambda _status: {},
    Vendor.YOUTUBE: youtube_error_body,
    Vendor.SUPABASE: supabase.error_body,
    Vendor.MEDIA: lambda _status: {},
}


class Gate:
    """ASGI middleware in front of the vendors; the control API is not a vendor and passes untouched."""

    def __init__(self, app: ASGIApp, stand_ins: StandIns) -> None:
        self.app = app
        self.stand_ins = stand_ins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event stream."""
        called = _vendor_and_path(scope)
        if called is None:
            await self.app(scope, receive, send)
            return
        vendor, path = called
        call = Call(scope["method"], path)
        self.stand_ins.calls[vendor].append(call)
        scope["state"]["call"] = call

        async def noting_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                self.stand_ins.limits.note(vendor, message["status"])
            await send(message)

        refused = self.stand_ins.limits.find_refusal(vendor, Headers(scope=scope))
        if refused is not None:
            await _read_away(receive)
            await JSONResponse(_ERROR_BODIES[vendor](refused), refused)(scope, receive, noting_status)
            return
        content = scope["query_string"]
        watched = self.stand_ins.watched
        if watched or self.stand_ins.faults.need_content(vendor, call.method, path):
            messages = await _read_ahead(receive)
            content += b"".join([b"\n", *(message.get("body", b"") for message in messages)])
            receive = _replayed(messages, receive)
            call.about = sorted(word for word in watched if word.encode() in content)
        fault = self.stand_ins.faults.take(vendor, call.method, path, content)
        if fault is None:
            await self.app(scope, receive, noting_status)
        else:
            await self._spoil(fault, scope, receive, noting_status)

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
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
                    await self.app(scope, receive, _keep_to_oneself)
                else:
                    await _read_away(receive)
                await callers.kill(self.stand_ins.relays.caller_of(scope))
                await drop_connection(scope, receive)
            case FaultMode.STATUS | FaultMode.GARBAGE:
                await _read_away(receive)
                await answer(fault, send, default_body=_ERROR_BODIES[fault.vendor](fault.status or 200))


def _vendor_and_path(scope: Scope) -> tuple[Vendor, str] | None:
    if scope["type"] != "http":
        return None
    prefix, _, path = scope["path"].removeprefix("/").partition("/")
    return (Vendor(prefix), f"/{path}") if prefix in Vendor else None


async def _read_away(receive: Receive) -> None:
    # A client that is still sending when the answer comes may see a reset instead of it.
    while (await receive()).get("more_body", False):
        pass


async def _keep_to_oneself(_message: Message) -> None:
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
