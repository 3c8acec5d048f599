"""Every way in which a server with OpenAI's chat API fails. Source: docs.vllm.ai, docs.ollama.com, llama.cpp server."""

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
    refused_answer,
    refused_question,
    slow_down,
)

PROVIDER = "self_hosted"

_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_SLOW_DOWN_CODES = frozenset({"rate_limit_exceeded", "slow_down", "rate_limit_error"})


def error_of_status(status: int, headers: httpx.Headers, document: Any, *, now: datetime) -> ModelError:
    """Return the error for a status; the server's message is not kept."""
    delay_s = retry_after_s(headers, now=now)
    specific = _error_of_code(error_in(document) or {}, status=status, delay_s=delay_s)
    return specific or error_of_http_status(PROVIDER, status, retry_after_s=delay_s)


def error_of_event(error: Mapping[str, Any]) -> ModelError:
    """Return the error for an event with an error, which follows a status of 200."""
    return _error_of_code(error, status=200, delay_s=None) or overloaded(PROVIDER, status=200)


def error_in(document: Any) -> Mapping[str, Any] | None:
    """Return the error object of a document: under `error`, a text there (Ollama), or the document itself (vLLM)."""
    if not isinstance(document, Mapping):
        return None
    error = document.get("error")
    if isinstance(error, Mapping):
        return error
    if error is not None:
        return {"message": error}
    return document if document.get("object") == "error" else None


def _error_of_code(error: Mapping[str, Any], *, status: int, delay_s: float | None) -> ModelError | None:
    names = {str(error.get("code")), str(error.get("type"))}
    if "insufficient_quota" in names:
        return refused_account(PROVIDER, status=status)
    if names & _SLOW_DOWN_CODES:
        return slow_down(PROVIDER, status=status, retry_after_s=delay_s)
    if names & _CONTEXT_CODES:
        return refused_question(PROVIDER, status=max(status, 400))
    if "content_filter" in names:
        return refused_answer(PROVIDER)
    return None
