"""The request context of API Gateway, as the Lambda Web Adapter passes it on: in a header."""

import json
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_REQUEST_CONTEXT = "x-amzn-request-context"
_FROM_ADAPTER = frozenset({_REQUEST_CONTEXT.encode(), b"x-amzn-lambda-context"})


class AdapterContext:
    """Gives the application what Mangum gives it: API Gateway's request id and the address of the client.

    The adapter overwrites the header in every request that it forwards, so a client cannot forge it. Its readiness
    check has none. Source: aws/aws-lambda-web-adapter, src/lib.rs, `fetch_response` (2026-11-28).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request with its context."""
        if scope["type"] == "http" and (header := Headers(scope=scope).get(_REQUEST_CONTEXT)) is not None:
            context: dict[str, Any] = json.loads(header)
            address = (context.get("identity") or {}).get("sourceIp")
            scope["aws.event"] = {"requestContext": context}
            scope["client"] = (address, 0) if address else None
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in _FROM_ADAPTER]
        await self._app(scope, receive, send)
