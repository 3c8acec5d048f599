"""Every way in which OpenAI's API fails. Source: developers.openai.com/api/docs/guides/error-codes, 2026-11."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.http.bounded import retry_after_s
from whyviral.integrations.language_models.errors import (
    Fallback,
    ModelError,
    error_of_http_status,
    overloaded,
    refused_account,
    refused_answer,
    refused_question,
    slow_down,
)

PROVIDER = "openai"

_UNVERIFIED = ("stream", "unsupported_value")
"""`param` and `code` of the 400 for an organization that may not stream a model."""


def error_of_status(status: int, headers: httpx.Headers, document: Any, *, now: datetime) -> ModelError:
    """Return the error for a status; the message of a bad key repeats a part of it, so no message is kept."""
    error = error_in(document)
    if (error.get("param"), error.get("code")) == _UNVERIFIED:
        return ModelError(
            "The model that explains posts refused our account.",
            provider=PROVIDER,
            category=ErrorCategory.AUTH,
            fallback=Fallback.WITHOUT_STREAM,
            status=status,
        )
    specific = error_of_code(error, status=status, delay_s=retry_after_s(headers, now=now))
    return specific or error_of_http_status(PROVIDER, status, retry_after_s=retry_after_s(headers, now=now))


def error_of_event(error: Mapping[str, Any]) -> ModelError:
    """Return the error for an error event, or for a response that failed; both follow a status of 200."""
    return error_of_code(error, status=200, delay_s=None) or overloaded(PROVIDER, status=200)


def error_of_code(error: Mapping[str, Any], *, status: int, delay_s: float | None) -> ModelError | None:
    """Return the error that a code names; None for a code that says no more than the status."""
    code = str(error.get("code"))
    if error.get("type") == "insufficient_quota" or _is_spend_code(code):
        return refused_account(PROVIDER, status=status)
    if is_refusal(error):
        return refused_answer(PROVIDER)
    if code in ("rate_limit_exceeded", "slow_down"):
        return slow_down(PROVIDER, status=status, retry_after_s=delay_s)
    if code == "context_length_exceeded" or "image" in code:
        return refused_question(PROVIDER, status=max(status, 400))
    return None


def is_refusal(error: Mapping[str, Any]) -> bool:
    """Whether an error says that the prompt or the answer is not allowed."""
    code = str(error.get("code"))
    return "policy" in code or code == "invalid_prompt"


def error_in(document: Any) -> Mapping[str, Any]:
    """Return the error object of a document; empty where there is none."""
    error = document.get("error") if isinstance(document, Mapping) else None
    return error if isinstance(error, Mapping) else {}


def _is_spend_code(code: str) -> bool:
    return code == "credit_balance_exhausted" or code.endswith(("_spend_limit_exceeded", "_usage_limit_exceeded"))
