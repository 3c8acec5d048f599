"""An API that speaks the wire forms of the terminal's calls, with answers that the test controls."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fixtures.waits import wait_until

ANALYSIS_ID = "2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819"
DONE: dict[str, Any] = {"message": {"is_partial": False, "is_stand_in": False}}


@dataclass
class FakeApi:
    """The answers to questions, and what was asked."""

    answers: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    """The events of the answer to each question. An answer that ends with a `token` goes on until its reader leaves."""
    has_analysis: bool = True
    busy: int = 0
    """How many more questions are refused because an answer is being written."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    left: Event = field(default_factory=Event)
    """Set when a reader has left an answer."""

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/api/analysis/requests/", self._list_requests),
                Route("/api/analysis/requests/{id}/", self._get_request),
                Route("/api/analysis/chat/sessions/", self._create_session, methods=["POST"]),
                Route("/api/analysis/chat/sessions/{id}/messages/stream/", self._ask, methods=["POST"]),
            ]
        )

    async def _list_requests(self, _request: Request) -> Response:
        found = [{"id": "failed", "results": None}, {"id": "r", "results": {"analysed": 1}}]
        return JSONResponse({"results": found if self.has_analysis else found[:1]})

    async def _get_request(self, _request: Request) -> Response:
        return JSONResponse({"post_analyses": [{"id": "older"}, {"id": ANALYSIS_ID}]})

    async def _create_session(self, request: Request) -> Response:
        assert await request.json() == {"post_analysis_id": ANALYSIS_ID}
        session = {"id": "s", "post_url": "https://x.com/i/status/20", "message_count": 2}
        return JSONResponse(session, status_code=201)

    async def _ask(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        if self.busy:
            self.busy -= 1
            return JSONResponse({"error": "An answer is being written.", "code": "chat_busy"}, status_code=409)
        if (events := self.answers.get(body["content"])) is None:
            refusal = {"error": "Your plan allows no more questions today.", "code": "usage_limit_reached"}
            return JSONResponse(refusal, status_code=403)
        return StreamingResponse(self._stream(events), media_type="text/event-stream")

    async def _stream(self, events: list[tuple[str, dict[str, Any]]]) -> AsyncIterator[str]:
        try:
            for name, data in events:
                if name == "break":
                    events.remove((name, data))  # only the first time
                    return
                yield f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
            while events[-1][0] == "token":
                await asyncio.sleep(0.01)
                yield ": ping\n\n"
        finally:
            self.left.set()


@contextmanager
def serving(api: FakeApi) -> Iterator[str]:
    """Serve the API on loopback and yield its address."""
    config = uvicorn.Config(api.app(), "127.0.0.1", 0, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
