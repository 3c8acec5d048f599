"""Anthropic's error form, and the keys that it refuses. Source: platform.claude.com/docs/en/api/errors."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from local.stand_ins.scenario.refusals import Refusal, phrase

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_body(status: int, message: str | None = None, *, error_code: str | None = None) -> Mapping[str, Any]:
    """Return the error object of a status."""
    error: dict[str, Any] = {"type": _TYPES.get(status, "api_error"), "message": message or phrase(status)}
    if error_code:
        error["details"] = {"error_code": error_code}
    return {"type": "error", "error": error, "request_id": request_id()}


def request_id() -> str:
    """Return a new id of a request."""
    return f"req_{secrets.token_hex(12)}"


def refusal(status: int, message: str, *, retry_after_s: int | None = None, error_code: str | None = None) -> Refusal:
    """Return an error answer."""
    body = error_body(status, message, error_code=error_code)
    headers = {"request-id": str(body["request_id"])}
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    return Refusal(status, body, headers=headers)


def invalid(message: str) -> Refusal:
    """Return the refusal of a request that fails on every retry."""
    return refusal(400, message)


def refusal_of_key(key: str) -> Refusal | None:
    """Return the refusal that a key is named after; every other key works."""
    refused = _REFUSED_KEYS.get(key)
    return refused() if refused else None


_REFUSED_KEYS: Mapping[str, Callable[[], Refusal]] = {
    "": lambda: refusal(401, "x-api-key header is required"),
    "bad-key": lambda: refusal(401, "invalid x-api-key"),
    "denied-key": lambda: refusal(403, "Your API key does not have permission to use the specified resource."),
    "unpaid-key": lambda: refusal(402, "There is an issue with your billing or payment information."),
    "minute-limited-key": lambda: refusal(429, "This request would exceed your rate limit.", retry_after_s=7),
    "limited-key": lambda: refusal(429, "This request would exceed your rate limit.", error_code="ramp_limit_exceeded"),
    "spend-limited-key": lambda: refusal(
        429, "Your spend limit is reached.", error_code="enforced_spend_limit_reached"
    ),
    "own-spend-limited-key": lambda: invalid(
        "You have reached your specified API usage limits. You will regain access next month."
    ),
}
