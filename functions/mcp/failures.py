"""Failures of calls: our own error for each expected exception, and its form for a client to show."""

from typing import Any

from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, CallToolResult, TextContent
from pydantic import ValidationError

from whyviral.core.errors import AppError
from whyviral.core.postgres.statement_failures import DATABASE_ERRORS, is_unavailable
from whyviral.core.request_errors import DatabaseUnavailable
from whyviral.integrations.errors import ProviderError, unavailable

_MAX_PROBLEMS = 20
_FIRST_SERVER_ERROR = 500


class OriginNotAllowed(AppError):
    """A web page of an origin that is not allowed sent the request."""

    status_code = 403
    code = "origin_not_allowed"

    def __init__(self) -> None:
        super().__init__("This server does not answer web pages of that origin. Call it from a program.")


class NothingHere(AppError):
    """The address does not exist."""

    status_code = 404
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("This address does not exist. The MCP server is at /mcp.")


class MethodNotAllowed(AppError):
    """The MCP server takes POST only, because it opens no stream."""

    status_code = 405
    code = "method_not_allowed"

    def __init__(self) -> None:
        super().__init__("The MCP server takes POST requests only.")


class InvalidArguments(AppError):
    """The arguments of a tool are not valid; the message names each of them."""

    status_code = 422
    code = "invalid_request"

    def __init__(self, tool: str, failure: ValidationError) -> None:
        problems = [
            {"argument": ".".join(str(part) for part in problem["loc"]) or "arguments", "problem": problem["msg"]}
            for problem in failure.errors(include_url=False, include_input=False, include_context=False)[:_MAX_PROBLEMS]
        ]
        listed = "; ".join(f"{each['argument']}: {each['problem']}" for each in problems)
        super().__init__(f"The arguments of {tool} are not valid. Correct them: {listed}.", details=problems)


def expected(exc: Exception) -> AppError | None:
    """Return the answer to the user for an expected exception; None for a bug."""
    if isinstance(exc, AppError):
        return exc
    if isinstance(exc, ProviderError):
        return unavailable(exc)
    if isinstance(exc, DATABASE_ERRORS) and is_unavailable(exc):
        return DatabaseUnavailable()
    return None


def as_tool_error(error: AppError, *, request_id: str) -> CallToolResult:
    """Return a failed call of a tool: a sentence for people and models, and the error's code for programs."""
    document: dict[str, Any] = {"error": error.message, "code": error.code, "request_id": request_id}
    if error.details is not None:
        document["details"] = error.details
    if error.retry_after_s is not None:
        document["retry_after_s"] = error.retry_after_s
    text = TextContent(text=f"{error.message} ({error.code})")
    return CallToolResult(content=[text], structured_content=document, is_error=True)


def protocol_code(error: AppError) -> int:
    """Return the JSON-RPC code of an error outside of tools."""
    return INTERNAL_ERROR if error.status_code >= _FIRST_SERVER_ERROR else INVALID_PARAMS
