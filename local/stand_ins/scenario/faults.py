"""Faults that a test orders: the next calls to a vendor fail in the way it names."""

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
    """Whom this process plays; also the first segment of the vendor's paths."""

    CLERK = "clerk"
    TWITTERAPI = "twitterapi"
    BRIGHTDATA = "brightdata"
    YOUTUBE = "youtube"
    """YouTube's own hosts and its Data API."""
    SUPABASE = "supabase"
    GEMINI = "gemini"
    MEDIA = "media"
    """The platforms' media hosts, which serve the files of posts as `/<host>/<path>`."""


class FaultMode(StrEnum):
    """How a call fails."""

    STATUS = "status"
    TIMEOUT = "timeout"
    DISCONNECT = "disconnect"
    GARBAGE = "garbage"
    SLOW = "slow"
    KILL = "kill"
    """The caller's process is killed; there is no answer."""


class KillMoment(StrEnum):
    """When a caller is killed."""

    ON_ARRIVAL = "on_arrival"
    """The call has come in whole, and nothing was done about it."""
    BEFORE_ANSWER = "before_answer"
    """What was asked for is done, and billed, and no byte of the answer was sent."""


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
    """One ordered fault; the oldest that matches a call is the one applied."""

    vendor: Vendor
    path: str = ""
    """Prefix of the path below the vendor's own prefix, such as `/twitter/tweets`."""
    method: Literal["GET", "POST"] | None = None
    about: str = Field(default="", max_length=1000)
    """Words that the query or the body of the call has, as they are on the wire; empty: whatever it is about."""
    mode: FaultMode
    status: int | None = Field(default=None, ge=200, le=599)
    body: dict[str, JsonValue] | list[JsonValue] | str | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    delay_s: float = Field(default=1.0, gt=0, le=600, allow_inf_nan=False)
    moment: KillMoment = KillMoment.ON_ARRIVAL
    after: int = Field(default=0, ge=0)
    """How many calls it lets pass before it spoils the first."""
    times: int | None = Field(default=None, ge=1)
    """How many calls it spoils; None: every call until the reset."""

    @model_validator(mode="after")
    def _each_field_belongs_to_the_mode(self) -> Self:
        for name in self.model_fields_set & _MODES_OF_FIELD.keys():
            if self.mode not in _MODES_OF_FIELD[name]:
                raise ValueError(f"{name} has no meaning with mode {self.mode}")
        if self.mode is FaultMode.STATUS and self.status is None:
            raise ValueError("mode status needs a status")
        if self.mode is FaultMode.GARBAGE and not isinstance(self.body, str | None):
            raise ValueError("garbage is a string")
        return self

    def meets(self, vendor: Vendor, method: str, path: str) -> bool:
        """Whether calls to this address may be meant."""
        return self.vendor is vendor and self.method in (None, method) and path.startswith(self.path)


class FaultList:
    """The faults in force and the calls they hold."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._released = asyncio.Event()

    def add(self, fault: Fault) -> None:
        """Put a fault behind those already there."""
        self._faults.append(fault)

    def left(self) -> list[Fault]:
        """Return those in force, the oldest first."""
        return list(self._faults)

    def need_content(self, vendor: Vendor, method: str, path: str) -> bool:
        """Whether it takes what a call is about to know which fault it meets."""
        return any(fault.about and fault.meets(vendor, method, path) for fault in self._faults)

    def take(self, vendor: Vendor, method: str, path: str, content: bytes) -> Fault | None:
        """Return the fault that this call meets, one use of it gone."""
        for fault in self._faults:
            if not (fault.meets(vendor, method, path) and fault.about.encode() in content):
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
        """Forget every fault and let go of every call that one holds."""
        self._faults.clear()
        self._released.set()
        self._released = asyncio.Event()

    async def pause(self, delay_s: float) -> None:
        """Wait for the delay, or until the faults are cleared."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), delay_s)

    async def hold(self, receive: Receive) -> None:
        """Wait until the client hangs up or the faults are cleared."""
        waits = {asyncio.ensure_future(hang_up(receive)), asyncio.ensure_future(self._released.wait())}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def hang_up(receive: Receive) -> None:
    """Return when the client is gone, reading away what it sends."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def drop_connection(scope: Scope, receive: Receive) -> None:
    """Close the socket without an answer.

    ASGI has no word for it, so the server of `server.py` hands the transport over in the scope's state.
    """
    scope["state"]["transport"].abort()
    await hang_up(receive)


async def answer(fault: Fault, send: Send, *, default_body: Mapping[str, Any]) -> None:
    """Send what a status or garbage fault says; `default_body` is the vendor's usual error for the status."""
    if fault.mode is FaultMode.GARBAGE:
        status, body, content_type = 200, fault.body or _GARBAGE, "text/html"
    else:
        assert fault.status is not None  # noqa: S101 - the model's validator saw to it
        status, body = fault.status, dict(default_body) if fault.body is None else fault.body
        content_type = "text/plain" if isinstance(body, str) else "application/json"
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    headers = {"content-type": content_type, "content-length": str(len(content))}
    headers |= {name.lower(): value for name, value in fault.headers.items()}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})
