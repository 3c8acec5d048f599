"""The API as one user of the terminal calls it."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from local.stack.errors import StackError

_TIMEOUT = httpx.Timeout(30.0)
"""Longer than the 15 seconds between two heartbeats of a stream."""
_RECONNECT_S = 1.0
_MAX_RECONNECTS = 5


class CallRefused(StackError):
    """The API refused a call; the message is the API's."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: Any


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Calls the API, and follows its streams over lost connections."""

    http: httpx.Client
    sleep: Callable[[float], None] = time.sleep

    def analyse(self, urls: Sequence[str]) -> list[str]:
        """Start the analysis of posts and return the ids of the requests.

        Raises:
            CallRefused: the API rejected the URLs.
        """
        answer = self._call("POST", "/api/analysis/analyze/", {"post_urls": list(urls)})
        return [request["id"] for request in answer["requests"]]

    def analyse_handle(self, profile_url: str, *, posts: int) -> list[str]:
        """Start the analysis of a creator's best posts and return the id of the request, as a list.

        Raises:
            CallRefused: the API rejected the handle.
        """
        answer = self._call("POST", "/api/analysis/analyze/", {"handle": profile_url, "posts": posts})
        return [request["id"] for request in answer["requests"]]

    def get_request(self, request_id: str) -> dict[str, Any]:
        """Return the current state of a request."""
        return self._call("GET", f"/api/analysis/requests/{request_id}/")

    def list_posts(self, request_id: str) -> list[dict[str, Any]]:
        """Return all readable posts of a request."""
        posts: list[dict[str, Any]] = []
        path: str | None = f"/api/social/posts/analysis/{request_id}/"
        while path:
            page = self._call("GET", path)
            posts += page["results"]
            path = page["next"]
        return posts

    def find_latest_request(self) -> dict[str, Any] | None:
        """Return the newest request with an analysis."""
        for summary in self._call("GET", "/api/analysis/requests/")["results"]:
            if summary["results"] and summary["results"]["analysed"]:
                return self.get_request(summary["id"])
        return None

    def follow_request(self, request_id: str) -> Iterator[dict[str, Any]]:
        """Yield the steps of a request until it ends."""
        last_id, lost = "", 0
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            try:
                for event in self._stream("GET", f"/api/analysis/requests/{request_id}/events/", headers=headers):
                    lost = 0
                    if event.name == "end":
                        return
                    if event.name == "error":
                        raise CallRefused(event.data["error"], event.data["code"])
                    last_id = event.id or last_id
                    yield event.data
            except httpx.TransportError:
                lost = self._count_lost(lost)
            self.sleep(_RECONNECT_S)

    def open_session(self, post_analysis_id: str) -> dict[str, Any]:
        """Return the conversation about an analysis, which is created if there is none."""
        return self._call("POST", "/api/analysis/chat/sessions/", {"post_analysis_id": post_analysis_id})

    def ask(self, session_id: str, question: str) -> Iterator[Event]:
        """Ask a question and yield the events `token`, and at last `done` or `error`.

        A question whose stream broke off is sent again with the same id: the API streams the same answer again, and
        pieces that were yielded before are skipped.
        """
        body = {"content": question, "client_message_id": str(uuid.uuid4())}
        path = f"/api/analysis/chat/sessions/{session_id}/messages/stream/"
        last_seq, lost = 0, 0
        while True:
            try:
                for event in self._stream("POST", path, body=body):
                    if event.name == "token":
                        if event.data["seq"] <= last_seq:
                            continue
                        last_seq = event.data["seq"]
                    yield event
                    if event.name in ("done", "error"):
                        return
                lost = self._count_lost(lost)
            except httpx.TransportError:
                lost = self._count_lost(lost)
            self.sleep(_RECONNECT_S)

    def _count_lost(self, lost: int) -> int:
        if lost >= _MAX_RECONNECTS:
            raise StackError(f"the system at {self.http.base_url} stopped answering; see its logs")
        return lost + 1

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self.http.request(method, path, json=body)
        _check(response)
        answer: dict[str, Any] = response.json()
        return answer

    def _stream(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Iterator[Event]:
        with self.http.stream(method, path, json=body, headers=headers) as response:
            if response.is_error:
                response.read()
            _check(response)
            yield from _events_of(response.iter_text())


def _check(response: httpx.Response) -> None:
    if not response.is_error:
        return
    try:
        body = response.json()
        details = body.get("details") or []
        problems = [f"  {item['url']}: {item['message']}" for item in details if "url" in item]
        refusal = CallRefused("\n".join([body["error"], *problems]), body["code"])
    except (ValueError, KeyError, TypeError):
        raise StackError(f"{response.request.url} answered {response.status_code} without an explanation") from None
    raise refusal


def _events_of(chunks: Iterator[str]) -> Iterator[Event]:
    """Parse a stream of events. Only LF ends a line: data is JSON, which may hold other separators such as U+2028."""
    text = ""
    for chunk in chunks:
        text += chunk
        *blocks, text = text.split("\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
            if "data" in fields:
                yield Event(fields.get("event", "message"), fields.get("id"), json.loads(fields["data"]))


@contextmanager
def api_client(base_url: str, token: str) -> Iterator[ApiClient]:
    """Open a client of the system that runs at an address.

    Raises:
        StackError: the system does not answer.
    """
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=base_url, headers=headers, timeout=_TIMEOUT) as http:
            yield ApiClient(http)
    except httpx.TransportError as exc:
        raise StackError(f"the system at {base_url} does not answer ({type(exc).__name__}); see its logs") from exc
