"""Every way in which Anthropic's API fails. Source: platform.claude.com/docs/en/api/errors, 2026-11."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from whyviral.integrations.http.bounded import retry_after_s
from whyviral.integrations.language_models.errors import (
    ModelError,
    error_of_http_status,
    overloaded,
    refused_account,
    slow_down,
    too_late,
)

PROVIDER = "anthropic"

_SPEND_CODES = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
_SPEND_LIMIT_START = "You have reached your specified"
"""The start of the message of a 400 for the account's own spend limit."""


def error_of_status(status: int, headers: httpx.Headers, document: Any, *, now: datetime) -> ModelError:
    """Return the error for a status; the vendor's message is not kept."""
    error = _error_in(document)
    if _is_spend_limit(error):
        return refused_account(PROVIDER, status=status)
    return error_of_http_status(PROVIDER, status, retry_after_s=retry_after_s(headers, now=now))


def error_of_event(document: Mapping[str, Any]) -> ModelError:
    """Return the error for an error event, which follows a status of 200."""
    error = _error_in(document)
    if _is_spend_limit(error):
        return refused_account(PROVIDER, status=200)
    match error.get("type"):
        case "rate_limit_error":
            return slow_down(PROVIDER, status=200, retry_after_s=None)
        case "authentication_error" | "permission_error" | "billing_error":
            return refused_account(PROVIDER, status=200)
        case "timeout_error":
            return too_late(PROVIDER, status=200)
    return overloaded(PROVIDER, status=200)


def _error_in(document: Any) -> Mapping[str, Any]:
    error = document.get("error") if isinstance(document, Mapping) else None
    return error if isinstance(error, Mapping) else {}


def _is_spend_limit(error: Mapping[str, Any]) -> bool:
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    return code in _SPEND_CODES or str(error.get("message")).startswith(_SPEND_LIMIT_START)
