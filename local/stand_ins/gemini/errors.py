"""Google's error form. Source: ai.google.dev, generateContent; google-genai 3.4."""

from collections.abc import Mapping
from typing import Any

from local.stand_ins.scenario.refusals import Refusal, phrase

type Json = dict[str, Any]

_TYPE_PREFIX = "type.googleapis.com/google.rpc"
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_body(status: int, message: str | None = None, details: list[Json] | None = None) -> Mapping[str, Any]:
    """Return the error object of a status."""
    error: Json = {"code": status, "message": message or phrase(status), "status": _STATUS_NAMES.get(status, "UNKNOWN")}
    return {"error": error | ({"details": details} if details else {})}


def invalid_argument(message: str) -> Refusal:
    """Return the refusal of a request that fails on every retry."""
    return Refusal(400, error_body(400, message))


def invalid_key() -> Refusal:
    """Return the refusal of a key that is unknown or revoked."""
    info = {"@type": f"{_TYPE_PREFIX}.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    message = "API key not valid. Please pass a valid API key."
    return Refusal(400, error_body(400, message, [info]))


def billing_disabled() -> Refusal:
    """Return the refusal of a project whose billing does not allow the call."""
    body = error_body(400, "Please enable billing on your project in Google AI Studio.")
    body["error"]["status"] = "FAILED_PRECONDITION"
    return Refusal(400, body)


def permission_denied(message: str) -> Refusal:
    """Return the refusal of a caller without permission."""
    return Refusal(403, error_body(403, message))


def model_not_found(model: str, version: str) -> Refusal:
    """Return the refusal of a model that is shut down or unknown."""
    message = f"models/{model} is not found for API version {version}, or is not supported for this method."
    return Refusal(404, error_body(404, message))


def quota_exceeded(*, quota_id: str, retry_delay_s: int) -> Refusal:
    """Return the refusal of a key whose minute or day is used up."""
    quota = {"@type": f"{_TYPE_PREFIX}.QuotaFailure", "violations": [{"quotaId": quota_id, "quotaValue": "10"}]}
    retry = {"@type": f"{_TYPE_PREFIX}.RetryInfo", "retryDelay": f"{retry_delay_s}s"}
    return Refusal(429, error_body(429, "You exceeded your current quota.", [quota, retry]))
