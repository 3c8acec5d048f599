"""The stand-ins' error answers."""

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
    """Turn a refusal into its answer."""
    assert isinstance(refusal, Refusal)  # noqa: S101 - registered only for this class; narrows the framework's type
    if isinstance(refusal.body, str):
        return PlainTextResponse(refusal.body, refusal.status, headers=refusal.headers)
    return JSONResponse(refusal.body, refusal.status, headers=refusal.headers)


async def json_object(request: Request, invalid: Refusal) -> dict[str, Any]:
    """Return the body as a JSON object, where an empty body is an empty object; raises `invalid` for other bodies."""
    content = await request.body()
    try:
        body = json.loads(content) if content else {}
        if b"\\ud" in content.lower():  # a lone surrogate parses, but cannot be written into an answer
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise invalid from None
    if not isinstance(body, dict):
        raise invalid
    return body


def phrase(status: int) -> str:
    """Return the reason phrase of a status, or a general one for an unknown status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Error"
