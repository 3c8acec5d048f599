"""Every failure in one form: `{"error", "code", "request_id", "details"?, "analysis_request_id"?}`."""

import json
import math
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from whyviral.core.errors import AppError, ErrorCategory
from whyviral.integrations.errors import ProviderError


class ErrorOut(BaseModel):
    """What went wrong and what to do about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": "There is nothing at this address; see /docs.",
                    "code": "not_found",
                    "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                }
            ]
        }
    )

    error: str
    code: str
    request_id: str
    details: list[dict[str, Any]] | dict[str, Any] | None = None
    analysis_request_id: uuid.UUID | None = None
    """The analysis that the address names."""


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "The request does not name a host we serve."},
    413: {"model": ErrorOut, "description": "The body is over 1 MiB."},
    422: {"model": ErrorOut, "description": "The request has the wrong form; details name each problem."},
    500: {"model": ErrorOut, "description": "A bug of ours."},
    503: {"model": ErrorOut, "description": "Something we depend on is not available; try again."},
}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
NOTHING_HERE = "There is nothing at this address; see /docs."
_SENTENCES = {
    404: NOTHING_HERE,
    405: "This address does not take that method; see /docs.",
    413: "The body is too large; send at most 1 MiB.",
}
_RETRY_AFTER_S = 5.0
_MOST_PROBLEMS = 100
DATABASE_ERRORS = (DBAPIError, PoolTimeoutError, TimeoutError, ConnectionError)
"""What a statement can raise; the driver lets some errors of its socket through as they are."""
_UNAVAILABLE_SQLSTATES = ("08", "53", "57", "XX")
"""Connection lost, out of resources, stopped by an operator or the statement timeout, trouble of the pooler."""


class _AsciiResponse(JSONResponse):
    """JSON that can quote whatever it was sent: half a surrogate pair is valid JSON, but has no UTF-8."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


def error_response(
    request: Request,
    *,
    status: int,
    code: str,
    message: str,
    details: Any = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Render a failure, and leave its code for the record of the request."""
    request.state.error_code = code
    body: dict[str, Any] = {"error": message, "code": code, "request_id": str(request.state.request_id)}
    if details is not None:
        body["details"] = details
    if (analysis_request_id := _analysis_request_id(request)) is not None:
        body["analysis_request_id"] = analysis_request_id
    return _AsciiResponse(body, status_code=status, headers=dict(headers) if headers else None)


def _analysis_request_id(request: Request) -> str | None:
    """Return the id of the analysis that the address names, unless it is no id."""
    path = request.path_params
    named = path.get("analysis_request_id") or path.get("request_id")
    try:
        return str(uuid.UUID(named)) if named else None
    except ValueError:
        return None


def install_error_handlers(app: FastAPI) -> None:
    """Render every expected failure; the unexpected ones are the middleware's."""
    app.exception_handler(AppError)(_on_app_error)
    app.exception_handler(RequestValidationError)(_on_invalid_request)
    app.exception_handler(HTTPException)(_on_http_exception)
    app.exception_handler(ProviderError)(_on_provider_error)
    for database_error in DATABASE_ERRORS:
        app.exception_handler(database_error)(_on_database_error)


def _on_app_error(request: Request, exc: AppError) -> JSONResponse:
    return error_response(
        request,
        status=exc.status_code,
        code=exc.code,
        message=exc.message,
        details=exc.details,
        headers=_headers_of(exc),
    )


def _headers_of(exc: AppError) -> dict[str, str]:
    headers = {}
    if exc.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if exc.retry_after_s is not None:
        headers |= _retry_after(exc.retry_after_s)
    return headers


def _on_invalid_request(request: Request, exc: RequestValidationError) -> JSONResponse:
    problems = exc.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return _not_json(request)
    details = [
        {"field": ".".join(str(part) for part in problem["loc"]), "problem": problem["msg"]}
        for problem in problems[:_MOST_PROBLEMS]
    ]
    return error_response(
        request,
        status=422,
        code="invalid_request",
        message="The request has the wrong form; details name each problem.",
        details=details,
    )


def _not_json(request: Request) -> JSONResponse:
    return error_response(request, status=422, code="invalid_request", message="The body is not JSON that can be read.")


def _on_http_exception(request: Request, exc: HTTPException) -> JSONResponse:
    if exc.status_code == HTTPStatus.BAD_REQUEST:
        # FastAPI's word for a body that is not even wrong JSON: not UTF-8, nested too deep, endless digits.
        return _not_json(request)
    return error_response(
        request,
        status=exc.status_code,
        code=_CODES.get(exc.status_code, "error"),
        message=_SENTENCES.get(exc.status_code, str(exc.detail)),
        headers=exc.headers,
    )


def _on_provider_error(request: Request, exc: ProviderError) -> JSONResponse:
    return error_response(
        request,
        # 502: our own account was refused, so that trying again is of no use until we have repaired it.
        status=502 if exc.category is ErrorCategory.AUTH else 503,
        code="provider_unavailable",
        message=exc.message,
        headers=_retry_after(exc.retry_after_s),
    )


def _on_database_error(request: Request, exc: Exception) -> JSONResponse:
    if not _is_unavailable(exc):
        raise exc
    request.state.is_database_silent = sqlstate(exc) is None
    return error_response(
        request,
        status=503,
        code="database_unavailable",
        message="The database cannot be reached; try again in a moment.",
        headers=_retry_after(None),
    )


def _is_unavailable(exc: Exception) -> bool:
    # The driver's classes are coarse: nearly every answer of the server is a DatabaseError. Source: pg8000, core.py.
    if not isinstance(exc, DBAPIError) or isinstance(exc, InterfaceError):
        return True
    return (sqlstate(exc) or "").startswith(_UNAVAILABLE_SQLSTATES)


def sqlstate(exc: BaseException) -> str | None:
    """Return the server's code of a database error."""
    fields = exc.orig.args[0] if isinstance(exc, DBAPIError) and exc.orig and exc.orig.args else None
    return fields.get("C") if isinstance(fields, dict) else None


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(seconds or _RETRY_AFTER_S))}
