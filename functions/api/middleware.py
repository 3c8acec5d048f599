"""Middleware around every request: request id, allowed hosts, size limit, access log and unhandled errors."""

import time
import uuid
from collections.abc import Sequence

from aws_lambda_powertools import Logger
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whyviral.core.allowed_hosts import is_allowed_host
from whyviral.core.exception_trace import trace_of
from whyviral.core.request_errors import InternalError, UnknownHost
from whyviral.core.security_headers import SECURITY_HEADERS
from whyviral.core.telemetry import trace
from whyviral.core.telemetry.requests import record_request

from .access_log import AccessLog
from .errors import analysis_request_of, error_response

MAX_BODY_BYTES = 1024 * 1024


class RequestContext:
    """Outermost middleware: sets `request.state.request_id` and adds `request.state.answer_headers` to every answer.

    The request's id is also the trace id of everything that the request causes.

    A path works with and without a trailing slash. There is no redirect, because a client would follow it as a GET.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Sequence[str], root_path: str, logger: Logger) -> None:
        """Wrap the application.

        Args:
            app: the application inside.
            allowed_hosts: the host names to serve; `*.example.com` matches every subdomain, `*` matches any name.
            root_path: the public prefix of our paths, such as the stage of API Gateway, which its events leave out of
                the path. Links in the documentation start with it.
            logger: logs one line per request.
        """
        self._app = app
        self._allowed_hosts = [host.lower() for host in allowed_hosts]
        self._root_path = root_path
        self._logger = logger
        self._access_log = AccessLog(logger)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with trace.bound(_request_id(scope)) as request_id:
            await self._run(request_id, scope, receive, send)

    async def _run(self, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["request_id"] = request_id
        scope["root_path"] = self._root_path
        if scope["path"].startswith(("/api/", "/health")) and not scope["path"].endswith("/"):
            scope["path"] += "/"
        started_mono_s = time.perf_counter()
        status = 0
        answered_after_s: float | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status, answered_after_s
            if message["type"] == "http.response.start":
                status = message["status"]
                answered_after_s = time.perf_counter() - started_mono_s
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.update(scope["state"].get("answer_headers", {}))
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._answer(scope, receive, send_with_id)
        finally:
            duration_s = time.perf_counter() - started_mono_s
            route: str | None = getattr(scope.get("route"), "path", None)
            record_request(route, status=status, answered_after_s=answered_after_s or duration_s)
            await self._record(scope, route, status, duration_s)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_allowed_host(Headers(scope=scope).get("host", ""), self._allowed_hosts):
            await self._app(scope, _bounded(receive), send)
            return
        response = error_response(Request(scope), UnknownHost())
        await response(scope, receive, send)

    async def _record(self, scope: Scope, route: str | None, status: int, duration_s: float) -> None:
        self._logger.info(
            "request",
            extra={
                "request_id": scope["state"]["request_id"],
                "method": scope["method"],
                "route": route,
                "status": status,
                "duration_ms": round(duration_s * 1000),
                **_analysis_of(scope),
            },
        )
        await self._access_log.write(Request(scope), route=route, status=status, duration_s=duration_s)


class UnhandledErrorMiddleware:
    """Answers unhandled exceptions with 500. Innermost middleware, so that the CORS middleware adds its headers."""

    def __init__(self, app: ASGIApp, *, logger: Logger) -> None:
        self._app = app
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request. An unhandled exception is logged and answered with `InternalError`."""
        has_started = False

        async def send_and_note_start(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_start)
        except Exception as exc:
            details = {"request_id": scope["state"]["request_id"], "trace": trace_of(exc), **_analysis_of(scope)}
            self._logger.error("unhandled error", extra=details)  # noqa: TRY400 - see trace_of
            if has_started:  # the status is sent; only a broken connection can report the failure
                raise
            response = error_response(Request(scope), InternalError())
            await response(scope, receive, send)


def _request_id(scope: Scope) -> str:
    """Return API Gateway's id of the request, or a new UUID; never an id that the client chose."""
    context = scope.get("aws.event", {}).get("requestContext", {})
    return str(context.get("requestId") or uuid.uuid4())


def _analysis_of(scope: Scope) -> dict[str, str]:
    analysis_request_id = analysis_request_of(Request(scope))
    return {} if analysis_request_id is None else {"analysis_request_id": analysis_request_id}


def _bounded(receive: Receive) -> Receive:
    """Return a `receive` that raises 413 for a body over the limit.

    FastAPI's `max_body_size` answers in plain text, and it replaces even the 401 of a request whose body was not read.
    """
    received_bytes = 0

    async def receive_bounded() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > MAX_BODY_BYTES:
            raise HTTPException(413)
        return message

    return receive_bounded
