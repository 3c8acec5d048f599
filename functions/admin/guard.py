"""The guard around every request of the panel: hosts, administrators, forms, headers and unhandled errors.

It stands outside of sqladmin and of all routes, so that no route can be reached without it. Callers who are not
administrators get 404 for every address but the sign-in page.
"""

import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from aws_lambda_powertools import Logger
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from whyviral.admin import administrators
from whyviral.core.allowed_hosts import is_allowed_host
from whyviral.core.database import session_scope
from whyviral.core.errors import AppError
from whyviral.core.request_errors import UnknownHost
from whyviral.core.security_headers import SECURITY_HEADERS
from whyviral.core.telemetry import trace
from whyviral.core.telemetry.requests import record_request

from .cookies import COOKIE
from .errors import (
    ForeignForm,
    InternalError,
    InvalidForm,
    MethodNotAllowed,
    NothingHere,
    Unavailable,
    error_page,
    json_error,
)
from .forms import has_own_origin, has_token
from .policy import PAGE_POLICY
from .services import Administrator, Services

SIGN_IN_PATH = "/admin/sign-in"
ASSETS_PATH = "/admin/assets-"
_FORM_TYPE = "application/x-www-form-urlencoded"
_MAX_FORM_BYTES = 64 * 1024
_MAX_FIELDS = 20
_DATABASE_ERRORS = (DBAPIError, PoolTimeoutError, TimeoutError, ConnectionError)
# Not `no-referrer`, which makes browsers send `Origin: null` with forms.
_HEADERS = {**SECURITY_HEADERS, "Referrer-Policy": "same-origin", "Content-Security-Policy": PAGE_POLICY}


class AdminGuard:
    """ASGI middleware that admits administrators, and records what they open and send."""

    def __init__(self, app: Starlette, *, services: Services, logger: Logger) -> None:
        self.app = app
        self.services = services
        self._logger = logger
        self._allowed_hosts = [host.lower() for host in services.settings.allowed_hosts]

    def with_services(self, **services: Any) -> "AdminGuard":
        """Return a guard of the same application with other collaborators."""
        return AdminGuard(self.app, services=replace(self.services, **services), logger=self._logger)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = scope.get("aws.event", {}).get("requestContext", {})
        with trace.bound(context.get("requestId")) as request_id:
            scope.setdefault("state", {})["request_id"] = request_id
            await self._run(scope, receive, send)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/")
        request = self._prepare(scope, receive, path)
        started_mono_s, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request.state.request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            response = await self._refusal(request, path)
            await (response or self.app)(scope, receive, send_with_headers)
        except Exception as exc:  # noqa: BLE001 - the outermost edge
            self._log_error(request, exc)
            if status == 0:
                is_unavailable = isinstance(exc, _DATABASE_ERRORS)
                error = Unavailable("The database cannot be reached. Try again.") if is_unavailable else InternalError()
                await json_error(request, error)(scope, receive, send_with_headers)
        finally:
            self._log_request(request, path, status, time.perf_counter() - started_mono_s)

    def _prepare(self, scope: Scope, receive: Receive, path: str) -> Request:
        """Complete the scope: the public prefix and scheme come from the settings, never from a header."""
        settings = self.services.settings
        scope["state"] |= {"services": self.services, "form": {}}
        scope["scheme"] = settings.scheme
        scope["root_path"] = settings.prefix
        scope["path"] = settings.prefix + path
        return Request(scope, receive)

    async def _refusal(self, request: Request, path: str) -> Response | None:
        """Return the answer to a request that may not pass; None if it may."""
        templates = self.services.templates
        if not is_allowed_host(request.headers.get("host", ""), self._allowed_hosts):
            return json_error(request, UnknownHost())
        try:
            if path == SIGN_IN_PATH:
                return await self._refuse_foreign_sign_in(request)
            # Postgres stores no NUL, so no row has one, and the record of the visit could not name it.
            if "\0" in path or "%00" in request.url.query or not await to_thread.run_sync(self._admit, request, path):
                return json_error(request, NothingHere())
            await self._check_form(request, has_session=True)
        except AppError as exc:
            return await error_page(request, templates, exc)
        return None

    async def _refuse_foreign_sign_in(self, request: Request) -> Response | None:
        try:
            await self._check_form(request, has_session=False)
        except AppError as exc:
            return json_error(request, exc)
        return None

    def _admit(self, request: Request, path: str) -> bool:
        """Find the administrator of the cookie and record the visit; if that cannot be recorded, the request fails."""
        session = self.services.cookies.read(request.cookies.get(COOKIE))
        if session is None:
            return False
        with session_scope(self.services.engine) as database:
            user = administrators.find_administrator(database, session.user_id, session.session_id)
            if user is None:
                return False
            if not path.startswith(ASSETS_PATH):
                query = sorted(request.query_params)
                administrators.record_visit(database, user.id, method=request.method, path=path, query=query)
        request.state.administrator = Administrator(user, session)
        return True

    async def _check_form(self, request: Request, *, has_session: bool) -> None:
        """Read the form of a POST. It must come from our own origin, and with a session contain the session's token."""
        if request.method in ("GET", "HEAD"):
            return
        if request.method != "POST":
            raise MethodNotAllowed
        if not has_own_origin(request):
            raise ForeignForm
        request.state.form = await _read_form(request)
        if has_session and not has_token(request):
            raise ForeignForm

    def _log_error(self, request: Request, exc: Exception) -> None:
        # Without the message: those of the database quote rows.
        names = [type(each).__qualname__ for each in (exc, exc.__cause__, exc.__context__) if each is not None]
        frame = exc.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = None if frame is None else f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
        details = {"request_id": request.state.request_id, "errors": names, "place": place}
        self._logger.error("unhandled error", extra=details)

    def _log_request(self, request: Request, path: str, status: int, duration_s: float) -> None:
        record_request("/admin/", status=status, answered_after_s=duration_s)
        details = {"request_id": request.state.request_id, "method": request.method, "path": path, "status": status}
        self._logger.info("request", extra=details | {"duration_ms": round(duration_s * 1000)})


async def _read_form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            raise InvalidForm
    if media_type != _FORM_TYPE:
        raise InvalidForm
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise InvalidForm from None
