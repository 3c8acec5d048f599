"""Every failure in one form: `{"error", "code", "request_id", "details"?}`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from whyviral.core.errors import AppError
from whyviral.integrations.errors import ProviderError


class ErrorOut(BaseModel):
    """What went wrong and what to do about it."""

    error: str
    code: str
    request_id: str
    details: list[dict[str, Any]] | dict[str, Any] | None = None


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "The request does not name a host we serve."},
    413: {"model": ErrorOut, "description": "The body is over 1 MiB."},
    422: {"model": ErrorOut, "description": "The request has the wrong form; details name each problem."},
    500: {"model": ErrorOut, "description": "A bug of ours; nothing was counted."},
    503: {"model": ErrorOut, "description": "Something we depend on is not available; try again."},
}
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
_SENTENCES = {
    404: "There is nothing at this address; see /docs.",
    405: "This address does not take that method; see /docs.",
    413: "The body is too large; send at most 1 MiB.",
}


def error_response(
    request_id: str,
    *,
    status: int,
    code: str,
    message: str,
    details: Any = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Render a failure."""
    body: dict[str, Any] = {"error": message, "code": code, "request_id": request_id}
    if details is not None:
        body["details"] = details
    return JSONResponse(body, status_code=status, headers=dict(headers) if headers else None)


def install_error_handlers(app: FastAPI) -> None:
    """Render every expected failure; the unexpected ones are the middleware's."""
    app.exception_handler(AppError)(_on_app_error)
    app.exception_handler(RequestValidationError)(_on_invalid_request)
    app.exception_handler(HTTPException)(_on_http_exception)
    app.exception_handler(ProviderError)(_on_provider_error)
    for unavailable in (OperationalError, InterfaceError, TimeoutError):
        app.exception_handler(unavailable)(_on_database_unavailable)


def _request_id(request: Request) -> str:
    return str(request.state.request_id)


def _on_app_error(request: Request, exc: AppError) -> JSONResponse:
    return error_response(
        _request_id(request),
        status=exc.status_code,
        code=exc.code,
        message=exc.message,
        details=exc.details,
        headers={"WWW-Authenticate": "Bearer"} if exc.status_code == HTTPStatus.UNAUTHORIZED else None,
    )


def _on_invalid_request(request: Request, exc: RequestValidationError) -> JSONResponse:
    problems = [
        {"field": ".".join(str(part) for part in error["loc"]), "problem": error["msg"]} for error in exc.errors()
    ]
    if any(error["type"] == "json_invalid" for error in exc.errors()):
        message = "The body is not JSON."
    else:
        message = "The request has the wrong form; details name each problem."
    return error_response(
        _request_id(request), status=422, code="invalid_request", message=message, details=problems[:100]
    )


def _on_http_exception(request: Request, exc: HTTPException) -> JSONResponse:
    return error_response(
        _request_id(request),
        status=exc.status_code,
        code=_CODES.get(exc.status_code, "error"),
        message=_SENTENCES.get(exc.status_code, str(exc.detail)),
        headers=exc.headers,
    )


def _on_provider_error(request: Request, exc: ProviderError) -> JSONResponse:
    return error_response(
        _request_id(request),
        status=503,
        code="provider_unavailable",
        message=f"{exc.message}; try again in a moment.",
        headers={"Retry-After": str(round(exc.retry_after_s or 5))},
    )


def _on_database_unavailable(request: Request, _exc: Exception) -> JSONResponse:
    return error_response(
        _request_id(request),
        status=503,
        code="database_unavailable",
        message="The database cannot be reached; try again in a moment.",
        headers={"Retry-After": "5"},
    )
