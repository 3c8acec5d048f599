"""The error forms of servers with OpenAI's chat API. Source: docs.vllm.ai, docs.ollama.com, llama.cpp server."""

from collections.abc import Callable, Mapping
from typing import Any

from local.stand_ins.scenario.refusals import Refusal, phrase


def error_body(status: int, message: str | None = None, *, kind: str = "invalid_request_error") -> Mapping[str, Any]:
    """Return the error object of a status, as llama.cpp and newer versions of vLLM send it."""
    return {"error": {"message": message or phrase(status), "type": kind, "param": None, "code": status}}


def invalid(message: str, *, kind: str = "invalid_request_error") -> Refusal:
    """Return the refusal of a request that fails on every retry."""
    return Refusal(400, error_body(400, message, kind=kind))


def model_not_found(model: str) -> Refusal:
    """Return the refusal of an unknown model, in the older form of vLLM."""
    message = f"The model `{model}` does not exist."
    return Refusal(404, {"object": "error", "message": message, "type": "NotFoundError", "param": None, "code": 404})


def refusal_of_key(key: str) -> Refusal | None:
    """Return the refusal that a key is named after; every other key works, and so does none."""
    refused = _REFUSED_KEYS.get(key)
    return refused() if refused else None


_REFUSED_KEYS: Mapping[str, Callable[[], Refusal]] = {
    "bad-key": lambda: Refusal(401, error_body(401, "Invalid API Key", kind="authentication_error")),
    "denied-key": lambda: Refusal(403, {"error": "forbidden"}),
    "minute-limited-key": lambda: Refusal(429, error_body(429, kind="rate_limit_error"), headers={"retry-after": "7"}),
    "limited-key": lambda: Refusal(429, error_body(429, kind="rate_limit_error")),
    "spend-limited-key": lambda: Refusal(
        429, error_body(429, "You exceeded your current quota.", kind="insufficient_quota")
    ),
    "unpaid-key": lambda: Refusal(429, error_body(429, "You exceeded your current quota.", kind="insufficient_quota")),
    "loading-key": lambda: Refusal(503, error_body(503, "Loading model", kind="unavailable_error")),
}
