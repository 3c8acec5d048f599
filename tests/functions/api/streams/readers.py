"""Readers of streamed answers that disconnect and reconnect, over several running applications."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fixtures.waits import WAIT_S
from tests.functions.api.conftest import HOST

SESSIONS = "/api/analysis/chat/sessions/"
_CONTEXT = {"requestId": "gateway-id", "identity": {"sourceIp": "203.0.113.7"}}


@dataclass(slots=True)
class Reading:
    """What one client has received of an answer."""

    seqs: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    end: tuple[str, Any] | None = None
    """The last event and its data."""
    disconnects: int = 0

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def add(self, event: str, data: Any) -> None:
        if event == "token":
            self.seqs.append(data["seq"])
            self.texts.append(data["text"])
        else:
            self.end = (event, data)


@dataclass(frozen=True, slots=True)
class ChatClient:
    """A client of one session."""

    http: httpx.AsyncClient
    headers: dict[str, str]
    session_id: str

    async def ask(self, base_url: str, content: str, reading: Reading, *, stop_after: int | None = None) -> None:
        """Send a question and read its stream, or the first pieces of it."""
        path = f"{SESSIONS}{self.session_id}/messages/stream/"
        await self._read("POST", f"{base_url}{path}", reading, stop_after, json={"content": content})

    async def resume(self, base_url: str, message_id: str, reading: Reading, *, stop_after: int | None = None) -> None:
        """Go on with the stream after the last piece that the client has."""
        path = f"{SESSIONS}{self.session_id}/messages/{message_id}/stream/"
        last = {"Last-Event-ID": str(reading.seqs[-1])} if reading.seqs else {}
        await self._read("GET", f"{base_url}{path}", reading, stop_after, headers=last)

    async def last_answer(self, base_url: str) -> Any:
        """Return the newest answer of the session."""
        reply = await self.http.get(f"{base_url}{SESSIONS}{self.session_id}/", headers=self._headers())
        return reply.raise_for_status().json()["messages"]["results"][0]

    async def read_with_disconnects(
        self, base_urls: Sequence[str], content: str, *, tokens: int, disconnects: int, chance: random.Random
    ) -> Reading:
        """Ask, and disconnect a number of times, each time after a random number of pieces."""
        reading = Reading()
        most = max(1, tokens // 2 // (disconnects + 1))  # so that the answer lasts for all of them
        await self.ask(chance.choice(base_urls), content, reading, stop_after=chance.randint(1, most))
        answer = await self.last_answer(chance.choice(base_urls))
        while reading.end is None:
            reading.disconnects += 1
            is_last = reading.disconnects >= disconnects
            await asyncio.sleep(chance.random() / 20)
            stop_after = None if is_last else chance.randint(0, most)
            await self.resume(chance.choice(base_urls), answer["id"], reading, stop_after=stop_after)
        return reading

    def _headers(self) -> dict[str, str]:
        return {"Host": HOST, "x-amzn-request-context": json.dumps(_CONTEXT), **self.headers}

    async def _read(self, method: str, url: str, reading: Reading, stop_after: int | None, **request: Any) -> None:
        headers = self._headers() | request.pop("headers", {})
        async with self.http.stream(method, url, headers=headers, **request) as response:
            assert response.status_code == 200, (await response.aread()).decode()
            received = 0
            if stop_after == 0:
                return
            async for event, data in _events(response.aiter_lines()):
                reading.add(event, data)
                received += 1
                if received == stop_after:
                    return


def open_http() -> httpx.AsyncClient:
    """Return a client whose streams end when they are closed."""
    return httpx.AsyncClient(timeout=WAIT_S, limits=httpx.Limits(max_keepalive_connections=0))


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], json.loads(fields["data"])
            fields = {}
