"""The Gemini API, under both of its versions. Source: ai.google.dev, generateContent; google-genai 3.4."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse

from local.stand_ins.gemini import errors
from local.stand_ins.gemini.question import Question, read_question
from local.stand_ins.gemini.replies import event_script, streamed_replies, whole_reply
from local.stand_ins.language_models.event_stream import streamed
from local.stand_ins.language_models.schema import has_limits
from local.stand_ins.scenario.refusals import Refusal, json_object
from local.stand_ins.state import call_of

type Json = dict[str, Any]

_MODELS = (
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-3.1-pro-preview",
    "gemini-3.5-flash",
    "gemini-3.5-flash-lite",
    "gemini-3.6-flash",
    "gemini-3.7-flash",
    "gemini-3.8-flash",
)
_BETA_MODELS = (*_MODELS, "gemini-flash-latest", "gemini-flash-lite-latest", "gemini-pro-latest")
_WITHOUT_MINIMAL_THINKING = "gemini-3.8-flash"
_MOST_BYTES = 100 * 1024 * 1024
_KEY_WITHOUT_LIMITS = "plain-schema-key"
"""A key of an account to which every response schema with limits is a bad request."""


def _refuse_key(key: str) -> Refusal | None:
    """Return the refusal that a key is named after; every other key works."""
    refused = _REFUSED_KEYS.get(key)
    return refused() if refused else None


_REFUSED_KEYS: Mapping[str, Callable[[], Refusal]] = {
    "": lambda: errors.permission_denied("Method doesn't allow unregistered callers."),
    "bad-key": errors.invalid_key,
    "denied-key": lambda: errors.permission_denied("Your API key was reported as leaked. Please use another API key."),
    "spend-limited-key": errors.billing_disabled,
    "minute-limited-key": lambda: errors.quota_exceeded(
        quota_id="GenerateRequestsPerMinutePerProjectPerModel-FreeTier", retry_delay_s=7
    ),
    "day-limited-key": lambda: errors.quota_exceeded(
        quota_id="GenerateRequestsPerDayPerProjectPerModel-FreeTier", retry_delay_s=36_000
    ),
}


def _key_of(request: Request) -> str:
    return request.headers.get("x-goog-api-key") or request.query_params.get("key", "")


async def _require_key(x_goog_api_key: Annotated[str, Header()] = "", key: str = "") -> None:
    if refusal := _refuse_key(x_goog_api_key or key):
        raise refusal


router = APIRouter(dependencies=[Depends(_require_key)])


def routers() -> tuple[APIRouter, APIRouter]:
    """Return the API under its stable and its beta version."""
    stable, beta = APIRouter(prefix="/gemini/v1"), APIRouter(prefix="/gemini/v1beta")
    stable.include_router(router)
    beta.include_router(router)
    return stable, beta


def _models_of(request: Request) -> tuple[str, tuple[str, ...]]:
    version = request.url.path.split("/")[2]
    return version, _BETA_MODELS if version == "v1beta" else _MODELS


def _check_model(request: Request, model: str) -> None:
    version, models = _models_of(request)
    if model not in models:
        raise errors.model_not_found(model, version)


async def _question(request: Request, model: str) -> Question:
    _check_model(request, model)
    if int(request.headers.get("content-length", "0")) > _MOST_BYTES:
        raise Refusal(413, errors.error_body(413, "Request payload size exceeds the limit."))
    question = read_question(await json_object(request, errors.invalid_argument("Invalid JSON payload received.")))
    if _key_of(request) == _KEY_WITHOUT_LIMITS and has_limits(question.schema):
        raise errors.invalid_argument("Request contains an invalid argument.")
    call_of(request).parts = list(question.parts)
    if model == _WITHOUT_MINIMAL_THINKING and question.thinking_level == "MINIMAL":
        raise errors.invalid_argument(f"thinking_level MINIMAL is not supported by {model}")
    return question


@router.post("/models/{model}:generateContent")
async def generate_content(request: Request, model: str) -> Json:
    """Answer at once."""
    question = await _question(request, model)
    return whole_reply(question, model)


@router.post("/models/{model}:streamGenerateContent")
async def stream_generate_content(request: Request, model: str, alt: str = "json") -> StreamingResponse:
    """Answer piece by piece, as server-sent events or as one growing JSON array."""
    question = await _question(request, model)
    if alt == "sse":
        return streamed(request, event_script(question, model), question.order)
    return StreamingResponse(iter([json.dumps(streamed_replies(question, model))]), media_type="application/json")


@router.post("/models/{model}:countTokens")
async def count_input_tokens(request: Request, model: str) -> Json:
    """Count the tokens of the input; free."""
    question = await _question(request, model)
    return {"totalTokens": sum(question.tokens_by_modality.values())}


@router.get("/models")
async def list_models(request: Request) -> Json:
    """Return the models of this version."""
    return {"models": [_described(model) for model in _models_of(request)[1]]}


@router.get("/models/{model}")
async def get_model(request: Request, model: str) -> Json:
    """Return one model."""
    _check_model(request, model)
    return _described(model)


def _described(model: str) -> Json:
    return {
        "name": f"models/{model}",
        "displayName": f"{model} (stand-in)",
        "description": "A stand-in that computes its answers from the prompt; no model.",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
