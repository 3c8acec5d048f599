"""Renders every failure in one form: `{"error", "code", "request_id", "details"?, ...}`, with the id in the path.

This file defines the errors of the HTTP layer. Every other error class is defined beside the service that raises it.
"""

import json
import math
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from whyviral.core.errors import AppError
from whyviral.core.postgres.statement_failures import DATABASE_ERRORS, is_unavailable, sqlstate
from whyviral.core.request_errors import BodyTooLarge, DatabaseUnavailable
from whyviral.core.telemetry.catalogue import REFUSALS
from whyviral.core.telemetry.metrics import record
from whyviral.integrations.errors import ProviderError, unavailable
from whyviral.throttling.rate_limits import RateLimited


class NothingHere(AppError):
    """The address does not exist, or not for this caller."""

    status_code = 404
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("This address does not exist. See /docs for the list of addresses.")


class MethodNotAllowed(AppError):
    """The address does not support the method of the request."""

    status_code = 405
    code = "method_not_allowed"

    def __init__(self) -> None:
        super().__init__("This address does not support that method. See /docs for the methods it supports.")


class InvalidRequest(AppError):
    """The body, a parameter or a header is not valid; `details` lists each problem by field."""

    status_code = 422
    code = "invalid_request"

    def __init__(self, problems: list[dict[str, str]]) -> None:
        super().__init__("The request is not valid. Correct the fields listed in details.", details=problems)


class BodyNotJson(AppError):
    """The body is not JSON."""

    status_code = 422
    code = InvalidRequest.code

    def __init__(self) -> None:
        super().__init__("The body is not valid JSON. Send JSON encoded as UTF-8.")


_ERROR_OF_STATUS: Mapping[int, type[NothingHere | MethodNotAllowed | BodyTooLarge | BodyNotJson]] = {
    # FastAPI answers 400 to a body that its JSON parser cannot read: not UTF-8, nested too deep, too many digits.
    400: BodyNotJson,
    404: NothingHere,
    405: MethodNotAllowed,
    413: BodyTooLarge,
}
"""Our error for each status with which the framework itself refuses a request."""
_MAX_PROBLEMS = 100


class _AsciiResponse(JSONResponse):
    """JSON in ASCII, so that it can quote any input: half a surrogate pair is valid JSON, but has no UTF-8."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


def error_response(request: Request, error: AppError, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Render a failure, and set `request.state.error_code` for the access log."""
    request.state.error_code = error.code
    body: dict[str, Any] = {
        "error": error.message,
        "code": error.code,
        "request_id": str(request.state.request_id),
    }
    if error.details is not None:
        body["details"] = error.details
    if (analysis_request_id := analysis_request_of(request)) is not None:
        body["analysis_request_id"] = analysis_request_id
    if (chat_session_id := _id_in_path(request, "chat_session_id")) is not None:
        body["chat_session_id"] = chat_session_id
    return _AsciiResponse(body, status_code=error.status_code, headers={**(headers or {}), **_headers_of(error)})


def analysis_request_of(request: Request) -> str | None:
    """Return the id of the analysis that the path names, if any."""
    return _id_in_path(request, "analysis_request_id", "request_id")


def _id_in_path(request: Request, *names: str) -> str | None:
    """Return the id that the path holds under one of these names; None if there is none, or if it is not a UUID."""
    named = next((request.path_params[name] for name in names if name in request.path_params), None)
    try:
        return str(uuid.UUID(named)) if named else None
    except ValueError:
        return None


def install_error_handlers(app: FastAPI) -> None:
    """Render every expected failure. `UnhandledErrorMiddleware` renders the others."""
    app.exception_handler(AppError)(_on_app_error)
    app.exception_handler(RequestValidationError)(_on_invalid_request)
    app.exception_handler(HTTPException)(_on_http_exception)
    app.exception_handler(ProviderError)(_on_provider_error)
    for database_error in DATABASE_ERRORS:
        app.exception_handler(database_error)(_on_database_error)


def _on_app_error(request: Request, exc: AppError) -> JSONResponse:
    # A flood of refused calls is recorded once per window. Recording each call would multiply its load.
    request.state.is_repeated_refusal = isinstance(exc, RateLimited) and exc.is_repeated
    if exc.code in REFUSALS.dimensions["Reason"]:
        record(REFUSALS, Reason=exc.code)
    return error_response(request, exc)


def _headers_of(error: AppError) -> dict[str, str]:
    headers = {}
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return headers


def _on_invalid_request(request: Request, exc: RequestValidationError) -> JSONResponse:
    problems = exc.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return error_response(request, BodyNotJson())
    return error_response(
        request,
        InvalidRequest(
            [
                {"field": ".".join(str(part) for part in problem["loc"]), "problem": problem["msg"]}
                for problem in problems[:_MAX_PROBLEMS]
            ]
        ),
    )


def _on_http_exception(request: Request, exc: HTTPException) -> JSONResponse:
    error = _ERROR_OF_STATUS.get(exc.status_code)
    if error is None:
        raise exc
    return error_response(request, error(), headers=exc.headers)


def _on_provider_error(request: Request, exc: ProviderError) -> JSONResponse:
    return error_response(request, unavailable(exc))


def _on_database_error(request: Request, exc: Exception) -> JSONResponse:
    if not is_unavailable(exc):
        raise exc
    request.state.is_database_silent = sqlstate(exc) is None
    return error_response(request, DatabaseUnavailable())
