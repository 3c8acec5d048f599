"""What surrounds every request: its id, the hosts we answer to, one log line, and the last resort for bugs."""

import time
import uuid
from collections.abc import Sequence

from aws_lambda_powertools import Logger
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import error_response


class RequestContext:
    """Outermost middleware; sets `request.state.request_id`.

    Paths are the same with and without a trailing slash, without a redirect, which a client would follow as a GET.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Sequence[str], logger: Logger) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["path"].startswith(("/api/", "/health")) and not scope["path"].endswith("/"):
            scope["path"] += "/"
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._answer(scope, receive, send_with_id, request_id)
        except Exception:
            self._logger.exception("unhandled error", extra={"request_id": request_id})
            if status:  # the answer has begun; only the connection can tell
                raise
            response = error_response(
                request_id, status=500, code="internal_error", message="Something went wrong on our side; try again."
            )
            await response(scope, receive, send_with_id)
        finally:
            self._log(scope, request_id, status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        if _is_allowed(Headers(scope=scope).get("host", ""), self._allowed_hosts):
            await self._app(scope, receive, send)
            return
        response = error_response(
            request_id, status=400, code="unknown_host", message="This server does not answer to that host name."
        )
        await response(scope, receive, send)

    def _log(self, scope: Scope, request_id: str, status: int, duration_s: float) -> None:
        route = scope.get("route")
        self._logger.info(
            "request",
            extra={
                "request_id": request_id,
                "method": scope["method"],
                "route": getattr(route, "path", None),
                "status": status,
                "duration_ms": round(duration_s * 1000),
            },
        )


def _request_id(scope: Scope) -> str:
    """Return API Gateway's id of the request, or one of our own; never one that the client chose."""
    context = scope.get("aws.event", {}).get("requestContext", {})
    return str(context.get("requestId") or uuid.uuid4())


def _is_allowed(host: str, allowed_hosts: Sequence[str]) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return any(
        name == allowed or (allowed.startswith("*.") and name.endswith(allowed[1:])) or allowed == "*"
        for allowed in allowed_hosts
    )
