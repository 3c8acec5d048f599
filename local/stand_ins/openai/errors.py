"""OpenAI's error form, and the keys that it refuses. Source: developers.openai.com/api/docs/guides/error-codes."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from local.stand_ins.scenario.refusals import Refusal, phrase

_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded", 503: "server_is_overloaded"}
_FIRST_SERVER_ERROR = 500


def error_body(
    status: int, message: str | None = None, *, code: str | None = None, param: str | None = None, kind: str = ""
) -> Mapping[str, Any]:
    """Return the error object of a status."""
    usual_kind = "server_error" if status >= _FIRST_SERVER_ERROR else "invalid_request_error"
    error = {
        "message": message or phrase(status),
        "type": kind or usual_kind,
        "param": param,
        "code": code or _CODES.get(status),
    }
    return {"error": error}


def refusal(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    kind: str = "",
    retry_after_s: int | None = None,
) -> Refusal:
    """Return an error answer."""
    headers = {"x-request-id": f"req_{secrets.token_hex(12)}"}
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    return Refusal(status, error_body(status, message, code=code, param=param, kind=kind), headers=headers)


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> Refusal:
    """Return the refusal of a request that fails on every retry."""
    return refusal(400, message, param=param, code=code)


def refusal_of_key(key: str, *, is_streamed: bool) -> Refusal | None:
    """Return the refusal that a key is named after; every other key works."""
    if key == "unverified-key" and is_streamed:
        return refusal(
            400, "Your organization must be verified to stream this model.", code="unsupported_value", param="stream"
        )
    refused = _REFUSED_KEYS.get(key)
    return refused() if refused else None


_REFUSED_KEYS: Mapping[str, Callable[[], Refusal]] = {
    "": lambda: refusal(401, "You didn't provide an API key.", code="missing_api_key"),
    "bad-key": lambda: refusal(401, "Incorrect API key provided: bad-k**. You can find your API key at the platform."),
    "denied-key": lambda: refusal(403, "Country, region, or territory not supported", code="unsupported_country"),
    "minute-limited-key": lambda: refusal(429, "Rate limit reached.", kind="requests", retry_after_s=7),
    "limited-key": lambda: refusal(429, "Please slow down.", code="slow_down"),
    "spend-limited-key": lambda: refusal(
        429, "You exceeded your spend limit.", code="organization_spend_limit_exceeded", kind="insufficient_quota"
    ),
    "unpaid-key": lambda: refusal(
        429, "You exceeded your current quota.", code="credit_balance_exhausted", kind="insufficient_quota"
    ),
}
