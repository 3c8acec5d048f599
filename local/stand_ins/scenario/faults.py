"""Faults that a test sets: the next matching calls to a vendor fail in the given way."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator
from starlette.types import Receive, Scope, Send

from local.stand_ins.scenario.orders import Order


class Vendor(StrEnum):
    """The vendors that this process replaces; also the first segment of the vendor's paths."""

    CLERK = "clerk"
    TWITTERAPI = "twitterapi"
    BRIGHTDATA = "brightdata"
    DODO = "dodo"
    YOUTUBE = "youtube"
    """YouTube's own hosts and its Data API."""
    SUPABASE = "supabase"
    GEMINI = "gemini"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    SELF_HOSTED = "self_hosted"
    """A server of one's own with OpenAI's chat API."""
    MEDIA = "media"
    """The platforms' media hosts, which serve the files of posts as `/<host>/<path>`."""


class FaultMode(StrEnum):
    """The way in which a call fails."""

    STATUS = "status"
    TIMEOUT = "timeout"
    DISCONNECT = "disconnect"
    GARBAGE = "garbage"
    SLOW = "slow"
    KILL = "kill"
    """The caller's process is killed and gets no answer."""


class KillMoment(StrEnum):
    """The point of a call at which its caller is killed."""

    ON_ARRIVAL = "on_arrival"
    """After the whole request was received and before it is processed."""
    BEFORE_ANSWER = "before_answer"
    """After the request was processed and billed, and before any byte of the answer is sent."""


type HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
type HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,1000}$")]

_MODES_OF_FIELD = {
    "status": {FaultMode.STATUS},
    "body": {FaultMode.STATUS, FaultMode.GARBAGE},
    "headers": {FaultMode.STATUS, FaultMode.GARBAGE},
    "delay_s": {FaultMode.SLOW},
    "moment": {FaultMode.KILL},
}
_GARBAGE = "<html><body>upstream connect error</body></html>"


class Fault(Order):
    """A fault; of several that match a call, the oldest is applied."""

    vendor: Vendor
    path: str = ""
    """A prefix of the path below the vendor's own prefix, such as `/twitter/tweets`."""
    method: Literal["GET", "POST", "PATCH", "DELETE"] | None = None
    about: str = Field(default="", max_length=1000)
    """Text that the call's query or body must contain, in its wire form; empty matches every call."""
    mode: FaultMode
    status: int | None = Field(default=None, ge=200, le=599)
    body: dict[str, JsonValue] | list[JsonValue] | str | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    delay_s: float = Field(default=1.0, gt=0, le=600, allow_inf_nan=False)
    moment: KillMoment = KillMoment.ON_ARRIVAL
    after: int = Field(default=0, ge=0)
    """The number of matching calls that pass before the first one fails."""
    times: int | None = Field(default=None, ge=1)
    """The number of calls that fail; None for every call until the reset."""

    @model_validator(mode="after")
    def _each_field_belongs_to_the_mode(self) -> Self:
        for name in self.model_fields_set & _MODES_OF_FIELD.keys():
            if self.mode not in _MODES_OF_FIELD[name]:
                raise ValueError(f"{name} has no meaning with mode {self.mode}")
        if self.mode is FaultMode.STATUS and self.status is None:
            raise ValueError("mode status needs a status")
        if self.mode is FaultMode.GARBAGE and not isinstance(self.body, str | None):
            raise ValueError("the body of garbage must be a string")
        return self

    def matches(self, vendor: Vendor, method: str, path: str) -> bool:
        """Whether the fault applies to calls of this address; ignores `about`."""
        return self.vendor is vendor and self.method in (None, method) and path.startswith(self.path)


class FaultList:
    """The active faults and the calls that they hold open."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._released = asyncio.Event()

    def add(self, fault: Fault) -> None:
        """Add a fault after the existing ones."""
        self._faults.append(fault)

    def list_active(self) -> list[Fault]:
        """Return the active faults, oldest first."""
        return list(self._faults)

    def need_content(self, vendor: Vendor, method: str, path: str) -> bool:
        """Whether the call's content is needed to decide which fault applies."""
        return any(fault.about and fault.matches(vendor, method, path) for fault in self._faults)

    def consume(self, vendor: Vendor, method: str, path: str, content: bytes) -> Fault | None:
        """Return the fault that applies to this call and count one use of it."""
        for fault in self._faults:
            if not (fault.matches(vendor, method, path) and fault.about.encode() in content):
                continue
            if fault.after:
                fault.after -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
            return fault
        return None

    def clear(self) -> None:
        """Remove every fault and release the calls that they hold open."""
        self._faults.clear()
        self._released.set()
        self._released = asyncio.Event()

    async def pause(self, delay_s: float) -> None:
        """Wait for the delay, or until the faults are cleared."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), delay_s)

    async def hold(self, receive: Receive) -> None:
        """Wait until the client disconnects or the faults are cleared."""
        waits = {asyncio.ensure_future(wait_for_disconnect(receive)), asyncio.ensure_future(self._released.wait())}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def wait_for_disconnect(receive: Receive) -> None:
    """Discard the request's content until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def drop_connection(scope: Scope, receive: Receive) -> None:
    """Close the socket without an answer.

    ASGI has no message for this, so `stand_in_server.py` passes the transport in the scope's state.
    """
    scope["state"]["transport"].abort()
    await wait_for_disconnect(receive)


async def answer(fault: Fault, send: Send, *, default_body: Mapping[str, Any]) -> None:
    """Send the answer of a status or garbage fault; `default_body` is the vendor's usual error for the status."""
    if fault.mode is FaultMode.GARBAGE:
        status, body, content_type = 200, fault.body or _GARBAGE, "text/html"
    else:
        assert fault.status is not None  # noqa: S101 - the model's validator ensures it
        status, body = fault.status, dict(default_body) if fault.body is None else fault.body
        content_type = "text/plain" if isinstance(body, str) else "application/json"
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    headers = {"content-type": content_type, "content-length": str(len(content))}
    headers |= {name.lower(): value for name, value in fault.headers.items()}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})
