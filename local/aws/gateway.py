"""API Gateway on one machine: passes requests to their function, in the form of proxy integration events."""

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

WEBHOOKS, ADMIN, MCP = "WebhooksFunction", "AdminFunction", "McpFunction"
FUNCTION_OF_PATH: Mapping[str, str] = {
    "/api/accounts/webhook/{proxy+}": WEBHOOKS,
    "/api/billing/webhook/{proxy+}": WEBHOOKS,
    "/admin": ADMIN,
    "/admin/{proxy+}": ADMIN,
    "/mcp": MCP,
    "/mcp/{proxy+}": MCP,
}
"""The paths of the template whose function is neither the API nor its streams. A greedy path needs one character."""
_PATTERNS = [
    (re.compile(path.replace("{proxy+}", ".+"), re.DOTALL), path, function)
    for path, function in FUNCTION_OF_PATH.items()
]
_MAX_BYTES = 10 * 1024 * 1024
"""Source: AWS, "Quotas for REST APIs", payload size."""
_MAX_CONCURRENT_CALLS = 8


class FunctionGateway:
    """ASGI middleware that sends requests to the functions of their paths, and all others to the application."""

    def __init__(self, app: ASGIApp, *, invoke: Callable[[str, bytes], bytes | None]) -> None:
        """Wrap the application.

        Args:
            app: answers all other requests.
            invoke: runs the named function with an event and returns its response, or None if it failed; may block.
        """
        self._app = app
        self._invoke = invoke
        # Limiters of their own, so that requests that wait for a function cannot occupy the threads of the API, nor
        # those of another function.
        self._limiters = {name: CapacityLimiter(_MAX_CONCURRENT_CALLS) for name in FUNCTION_OF_PATH.values()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"] if scope["type"] == "http" else ""
        found = next(((resource, name) for pattern, resource, name in _PATTERNS if pattern.fullmatch(path)), None)
        if found is None:
            await self._app(scope, receive, send)
            return
        resource, function = found
        request = Request(scope, receive)
        body = await request.body()
        if len(body) > _MAX_BYTES:
            await Response(status_code=413)(scope, receive, send)
            return
        event = json.dumps(_gateway_event(request, body, resource)).encode()
        answer = await to_thread.run_sync(self._invoke, function, event, limiter=self._limiters[function])
        await _response(answer)(scope, receive, send)


def _gateway_event(request: Request, body: bytes, resource: str) -> dict[str, Any]:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.url.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return {
        "resource": resource,
        "path": request.url.path,
        "httpMethod": request.method,
        "headers": dict(request.headers) | {"x-forwarded-proto": request.url.scheme},
        "multiValueQueryStringParameters": query or None,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "identity": {"sourceIp": request.client.host if request.client else None},
        },
    }


def _response(answer: bytes | None) -> Response:
    if answer is None:
        return Response('{"message": "Internal server error"}', 502, media_type="application/json")
    document = json.loads(answer)
    body = document["body"]
    response = Response(
        base64.b64decode(body) if document.get("isBase64Encoded") else body,
        document["statusCode"],
        headers=document["headers"],
    )
    headers = MutableHeaders(raw=response.raw_headers)
    for name, values in (document.get("multiValueHeaders") or {}).items():
        for value in values:
            headers.append(name, value)
    return response


def lambda_invoker() -> Callable[[str, bytes], bytes | None]:
    """Return a callable that invokes functions of the stack from another process, through its moto server."""

    @cache
    def client() -> Any:
        # Created for the first call, because it takes half a second and most runs of the system make none.
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        # Its own session, because boto3's default session must not be initialised by two threads at once.
        return boto3.Session().client("lambda", config=Config(read_timeout=30, retries={"total_max_attempts": 1}))

    def invoke(function: str, event: bytes) -> bytes | None:
        answer = client().invoke(FunctionName=function, Payload=event)
        payload: bytes = answer["Payload"].read()
        return None if answer.get("FunctionError") else payload

    return invoke
