"""API Gateway on one machine: passes webhooks to their function, in the form of proxy integration events."""

import base64
import json
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_PATHS = ("/api/accounts/webhook/", "/api/billing/webhook/")
_MAX_BYTES = 10 * 1024 * 1024
"""Source: AWS, "Quotas for REST APIs", payload size."""
_MAX_CONCURRENT_WEBHOOKS = 8


class WebhookGateway:
    """ASGI middleware that sends webhooks to their function and all other requests to the application."""

    def __init__(self, app: ASGIApp, *, invoke: Callable[[bytes], bytes | None]) -> None:
        """Wrap the application.

        Args:
            app: answers all other requests.
            invoke: runs the function with an event and returns its response, or None if it failed; may block.
        """
        self._app = app
        self._invoke = invoke
        # Webhooks have their own limiter, so that those that wait for the function cannot occupy the API's threads.
        self._limiter = CapacityLimiter(_MAX_CONCURRENT_WEBHOOKS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        if len(body) > _MAX_BYTES:
            await Response(status_code=413)(scope, receive, send)
            return
        event = json.dumps(_gateway_event(request, body)).encode()
        answer = await to_thread.run_sync(self._invoke, event, limiter=self._limiter)
        await _response(answer)(scope, receive, send)


def _gateway_event(request: Request, body: bytes) -> dict[str, Any]:
    address = request.client.host if request.client else None
    return {
        "resource": "/api/accounts/webhook/{proxy+}",
        "path": request.url.path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        "requestContext": {"requestId": str(uuid.uuid4()), "identity": {"sourceIp": address}},
    }


def _response(answer: bytes | None) -> Response:
    if answer is None:
        return Response('{"message": "Internal server error"}', 502, media_type="application/json")
    document = json.loads(answer)
    return Response(document["body"], document["statusCode"], headers=document["headers"])


def lambda_invoker(function: str) -> Callable[[bytes], bytes | None]:
    """Return a callable that invokes a function of the stack from another process, through its moto server."""

    @cache
    def client() -> Any:
        # Created for the first webhook, because it takes half a second and most runs of the system receive none.
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        # Its own session, because boto3's default session must not be initialised by two threads at once.
        return boto3.Session().client("lambda", config=Config(read_timeout=30, retries={"total_max_attempts": 1}))

    def invoke(event: bytes) -> bytes | None:
        answer = client().invoke(FunctionName=function, Payload=event)
        payload: bytes = answer["Payload"].read()
        return None if answer.get("FunctionError") else payload

    return invoke
