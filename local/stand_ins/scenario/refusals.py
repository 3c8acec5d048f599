"""How a stand-in says no."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response


class Refusal(Exception):
    """An error answer in the vendor's own form; raised anywhere below a route."""

    def __init__(self, status: int, body: Mapping[str, Any] | str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body: Any = body
        """An object for JSON, or plain text."""
        self.headers = headers


async def render_refusal(_request: Request, refusal: Exception) -> Response:
    """Answer with what the refusal holds."""
    assert isinstance(refusal, Refusal)  # noqa: S101 - registered for this class only; narrows the framework's type
    if isinstance(refusal.body, str):
        return PlainTextResponse(refusal.body, refusal.status, headers=refusal.headers)
    return JSONResponse(refusal.body, refusal.status, headers=refusal.headers)


async def json_object(request: Request, invalid: Refusal) -> dict[str, Any]:
    """Return the body as a JSON object (an empty body is an empty one), or raise `invalid`."""
    content = await request.body()
    try:
        body = json.loads(content) if content else {}
        if b"\\ud" in content.lower():  # half a surrogate pair parses, but no answer could repeat it
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise invalid from None
    if not isinstance(body, dict):
        raise invalid
    return body


def phrase(status: int) -> str:
    """Return the usual name of a status, also for those that have none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Error"
