"""The ASGI application of the MCP server: who may call it, and one stateless exchange for each request."""

import math
import time
import uuid
from http import HTTPStatus

from aws_lambda_powertools import Logger
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from whyviral.analytics.service import ApiAccess, record_accesses
from whyviral.core.allowed_hosts import is_allowed_host
from whyviral.core.errors import AppError
from whyviral.core.exception_trace import trace_of
from whyviral.core.logging import build_logger
from whyviral.core.postgres.statement_failures import DATABASE_ERRORS
from whyviral.core.request_errors import InternalError, UnknownHost
from whyviral.core.security_headers import SECURITY_HEADERS
from whyviral.core.telemetry import trace
from whyviral.core.telemetry.requests import record_request

from .caller import origin_of, verified_caller
from .failures import MethodNotAllowed, NothingHere, OriginNotAllowed, expected
from .server import build_server
from .services import Services
from .settings import McpSettings

PATHS = ("/mcp", "/mcp/")
MAX_BODY_BYTES = 1024 * 1024
_REQUEST_HEADERS = ("Authorization", "Content-Type", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id")
logger: Logger = build_logger("agents")


def create_app(settings: McpSettings, services: Services) -> CORSMiddleware:
    """Return the application, which opens no connection until the first request."""
    return CORSMiddleware(
        McpEndpoint(settings, services),
        allow_origins=settings.cors_allowed_origins,
        allow_methods=["POST"],
        allow_headers=_REQUEST_HEADERS,
        expose_headers=["Retry-After", "X-Request-Id", "WWW-Authenticate"],
        max_age=600,
    )


class McpEndpoint:
    """Answers `POST /mcp`. Checks host, origin and token before it reads the body."""

    def __init__(self, settings: McpSettings, services: Services) -> None:
        self._allowed_hosts = [host.lower() for host in settings.allowed_hosts]
        self._allowed_origins = settings.cors_allowed_origins
        self._services = services
        self._server: Server[None] = build_server()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and record it."""
        if scope["type"] != "http":
            return
        with trace.bound(_request_id(scope)) as request_id:
            await self._run(request_id, Request(scope, receive), send)

    async def _run(self, request_id: str, request: Request, send: Send) -> None:
        request.state.request_id = request_id
        request.state.error_code = None
        started_mono_s = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._answer(request, send_with_headers)
        finally:
            duration_s = time.perf_counter() - started_mono_s
            record_request(PATHS[0], status=status, answered_after_s=duration_s)
            await self._record(request, status, duration_s)

    async def _answer(self, request: Request, send: Send) -> None:
        has_started = False

        async def send_and_note_start(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            self._check_address(request)
            request.state.caller = await verified_caller(self._services, request)
            # A manager is used once; a stateless one costs nothing to make. Source: python-sdk, issue 3121.
            manager = StreamableHTTPSessionManager(
                self._server, stateless=True, json_response=True, max_request_body_size=MAX_BODY_BYTES
            )
            async with manager.run():
                await manager.handle_request(request.scope, request.receive, send_and_note_start)
        except Exception as exc:
            error = expected(exc)
            if error is None:
                error = InternalError()
                details = {"request_id": request.state.request_id, "trace": trace_of(exc)}
                logger.error("unhandled error", extra=details)  # noqa: TRY400 - see trace_of
            if has_started:
                raise
            await _error_response(request, error)(request.scope, request.receive, send)

    def _check_address(self, request: Request) -> None:
        """Refuse a host or an origin that is not ours, so that no page elsewhere reaches the server by a DNS trick.

        Source: MCP specification, "Transports", security warning (2026-11-28).
        """
        if not is_allowed_host(request.headers.get("host", ""), self._allowed_hosts):
            raise UnknownHost
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._allowed_origins:
            raise OriginNotAllowed
        if request.scope["path"] not in PATHS:
            raise NothingHere
        if request.method != "POST":
            raise MethodNotAllowed

    async def _record(self, request: Request, status: int, duration_s: float) -> None:
        request_id, duration_ms = str(request.state.request_id), round(duration_s * 1000)
        seen = {"request_id": request_id, "method": request.method, "status": status, "duration_ms": duration_ms}
        logger.info("request", extra={**seen, "route": PATHS[0]})
        origin = origin_of(request)
        access = ApiAccess(
            request_id=request_id,
            method=request.method[:20],
            route=PATHS[0],
            status=status,
            response_time_ms=duration_ms,
            error_code=request.state.error_code,
            user_id=getattr(request.state, "user_id", None),
            address=origin.address,
            user_agent=origin.user_agent,
        )
        try:
            await self._services.transactions.run_statement(lambda connection: record_accesses(connection, [access]))
        except (SQLAlchemyError, *DATABASE_ERRORS) as exc:
            logger.warning("access log row dropped", extra={"reason": type(exc).__name__})


def _request_id(scope: Scope) -> str:
    """Return API Gateway's id of the request, or a new UUID; never an id that the client chose."""
    context = scope.get("aws.event", {}).get("requestContext", {})
    return str(context.get("requestId") or uuid.uuid4())


def _error_response(request: Request, error: AppError) -> JSONResponse:
    request.state.error_code = error.code
    headers = {}
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = "POST"
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    body = {"error": error.message, "code": error.code, "request_id": str(request.state.request_id)}
    return JSONResponse(body, error.status_code, headers)
