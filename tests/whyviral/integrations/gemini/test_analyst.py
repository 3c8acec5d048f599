import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.fixtures.bytes_server import Serve
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.analysis.explanation.answer import AnalystAnswer
from whyviral.analysis.explanation.checked_answer import RepairedClaims
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.gemini.analyst import GeminiAnalyst
from whyviral.integrations.ports.analyst import AnalystPrompt, AnalystReply
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
MODEL, FALLBACK = "gemini-3.8-flash", "gemini-3.5-flash-lite"
SECRET = "prompt-that-must-stay-private"
PROMPT = AnalystPrompt(system=f"You explain posts. {SECRET}", user=f"F1: 10 likes. {SECRET}", version="v1")
USAGE = {"promptTokenCount": 1000, "candidatesTokenCount": 200, "thoughtsTokenCount": 100}


class Observation(BaseModel):
    topic: str
    tone: Literal["warm", "cold"]


class Shape(BaseModel):
    """As demanding as the shape of an analysis: nested, bounded, closed."""

    model_config = ConfigDict(extra="forbid")

    reasoning: Annotated[str, Field(max_length=500)]
    takeaways: Annotated[list[str], Field(min_length=3, max_length=5)]
    observation: Observation
    creator: str | None = None


type Build = Callable[..., GeminiAnalyst]


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def build(local_endpoints: Endpoints, calls: CallCollector) -> Build:
    def build(*keys: str, **options: Any) -> GeminiAnalyst:
        defaults: dict[str, Any] = {
            "model": MODEL,
            "fallback_model": FALLBACK,
            "timeout_s": WAIT_S,
            "clock": lambda: NOW,
            "prices": PRICES,
        }
        return GeminiAnalyst(keys or ("stand-in",), calls=calls, **(defaults | options))

    return build


def _failure(analyst: GeminiAnalyst) -> ProviderError:
    with pytest.raises(ProviderError) as failure:
        analyst.answer(PROMPT, shape=Shape)
    return failure.value


def _reply(
    text: str | None = "{}", finish_reason: str | None = "STOP", usage: Any = USAGE, **fields: Any
) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish_reason}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL} | fields


def _fault(stand_ins: StandInsClient, body: Any, *, status: int = 200, times: int | None = 1, path: str = "") -> None:
    stand_ins.fault("gemini", "status", status=status, body=body, times=times, path=path)


def _error(status: int, name: str = "X", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": status, "message": f"Consumer api_key:stand-in. {SECRET}", "status": name}} | (
        {"error": {"code": status, "message": SECRET, "status": name, "details": list(details)}} if details else {}
    )


def _refused_medium(message: str) -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


def test_an_answer_has_the_shape_that_was_asked_and_its_price(build: Build, calls: CallCollector) -> None:
    reply = build().answer(PROMPT, shape=Shape)

    Shape.model_validate(reply.answer)
    (call,) = calls.drain()
    assert reply.input_tokens > 0 < reply.output_tokens
    price = (reply.input_tokens * Decimal("0.75") + reply.output_tokens * Decimal("3.75")) / 1_000_000
    assert reply.cost_usd == price.quantize(Decimal("0.000001"))
    assert (reply.provider, reply.model, reply.is_stand_in) == ("gemini", f"{MODEL} (stand-in)", True)
    assert (call.provider, call.operation, call.status, call.error_category, call.is_stand_in) == (
        "gemini",
        "POST /v1/models/{model}:generateContent",
        200,
        None,
        True,
    )
    assert (call.model, call.input_tokens, call.output_tokens, call.cost_usd) == (
        reply.model,
        reply.input_tokens,
        reply.output_tokens,
        reply.cost_usd,
    )


def test_thinking_is_billed_as_output_and_thoughts_are_no_answer(
    stand_ins: StandInsClient, build: Build, calls: CallCollector
) -> None:
    body = _reply('{"a": 1}')
    body["candidates"][0]["content"]["parts"].insert(0, {"text": "Hmm.", "thought": True, "thoughtSignature": "!"})
    _fault(stand_ins, body)

    reply = build().answer(PROMPT, shape=Shape)

    assert reply == AnalystReply({"a": 1}, "gemini", MODEL, 1000, 300, Decimal("0.001875"), is_stand_in=True)


@pytest.mark.parametrize(
    ("model", "now", "usage", "cost_usd"),
    [
        (MODEL, datetime(2026, 12, 31, 23, 59, tzinfo=UTC), USAGE, Decimal("0.001875")),
        (MODEL, datetime(2027, 1, 1, tzinfo=UTC), USAGE, Decimal("0.003750")),
        (MODEL, datetime(2026, 9, 1, tzinfo=UTC), USAGE, None),
        (FALLBACK, NOW, USAGE, Decimal("0.001050")),
        ("gemini-5-unheard-of", NOW, USAGE, None),
        (MODEL, NOW, {}, None),
        (MODEL, NOW, {"candidatesTokenCount": 200}, None),
        (MODEL, NOW, {"promptTokenCount": 0, "candidatesTokenCount": 200}, None),
        (MODEL, NOW, {"promptTokenCount": 1000}, None),
        # A count of zero is not sent, and the total tells it from one that was forgotten.
        (MODEL, NOW, {"promptTokenCount": 1000, "totalTokenCount": 1000}, Decimal("0.000750")),
        (MODEL, NOW, {"promptTokenCount": 1000, "totalTokenCount": 1300}, Decimal("0.001875")),
        (MODEL, NOW, None, None),
        (MODEL, NOW, USAGE | {"promptTokenCount": "many", "cachedContentTokenCount": 900}, None),
        # More than the ledger could hold.
        (MODEL, NOW, USAGE | {"promptTokenCount": 2**31}, None),
    ],
)
def test_the_price_is_that_of_the_asked_model_on_the_day(
    stand_ins: StandInsClient, build: Build, model: str, now: datetime, usage: Any, cost_usd: Decimal | None
) -> None:
    _fault(stand_ins, _reply(usage=usage, modelVersion="gemini-9"))

    reply = build(model=model, clock=lambda: now).answer(PROMPT, shape=Shape)

    assert (reply.cost_usd, reply.model) == (cost_usd, "gemini-9")


@pytest.mark.parametrize("bad_key", ["bad-key", "denied-key", "minute-limited-key", "day-limited-key"])
def test_a_key_in_trouble_is_followed_by_the_next(build: Build, calls: CallCollector, bad_key: str) -> None:
    analyst = build(bad_key, "stand-in")

    analyst.answer(PROMPT, shape=Shape)
    analyst.answer(PROMPT, shape=Shape)

    assert [call.error_category is None for call in calls.drain()] == [False, True, True]


def test_keys_are_tried_in_their_order_and_each_once(build: Build, calls: CallCollector) -> None:
    failure = _failure(build("bad-key", "denied-key", "bad-key"))

    assert (failure.category, failure.is_transient, failure.retry_after_s) == (ErrorCategory.AUTH, False, None)
    assert [call.status for call in calls.drain()] == [400, 403]


def test_when_all_keys_rest_the_earliest_return_is_told(build: Build, calls: CallCollector) -> None:
    failure = _failure(build("bad-key", "day-limited-key", "minute-limited-key"))

    assert (failure.category, failure.is_transient, failure.retry_after_s) == (ErrorCategory.RATE_LIMIT, True, 7)
    assert [call.cost_usd for call in calls.drain()] == [0, 0, 0]


@pytest.mark.parametrize(("hour", "wait_h"), [(7, 1), (8, 24), (12, 20)])
def test_a_day_quota_returns_at_midnight_pacific_time(build: Build, hour: int, wait_h: int) -> None:
    failure = _failure(build("day-limited-key", clock=lambda: NOW.replace(hour=hour)))

    assert failure.retry_after_s == wait_h * 3600


def test_a_rested_key_is_used_again(stand_ins: StandInsClient, build: Build) -> None:
    now = NOW
    analyst = build(clock=lambda: now)
    _fault(stand_ins, _error(429, "RESOURCE_EXHAUSTED", {"retryDelay": "1.5s"}), status=429)
    assert _failure(analyst).retry_after_s == 1.5

    now = NOW.replace(second=2)

    analyst.answer(PROMPT, shape=Shape)


@pytest.mark.parametrize("body", [_error(429), {}, [], "busy", {"error": {"details": [None, {"retryDelay": "soon"}]}}])
def test_a_quota_without_a_delay_rests_a_minute(stand_ins: StandInsClient, build: Build, body: Any) -> None:
    _fault(stand_ins, body, status=429)

    assert _failure(build()).retry_after_s == 60


@pytest.mark.parametrize("status", [404, 500, 502, 503, 504])
def test_an_overloaded_or_retired_model_is_followed_by_the_other(
    stand_ins: StandInsClient, build: Build, calls: CallCollector, status: int
) -> None:
    _fault(stand_ins, _error(status), status=status, times=None, path=f"/v1/models/{MODEL}")

    reply = build("stand-in", "other-key").answer(PROMPT, shape=Shape)

    assert reply.model == f"{FALLBACK} (stand-in)"
    assert [(call.status, call.model) for call in calls.drain()] == [(status, MODEL), (200, f"{FALLBACK} (stand-in)")]


@pytest.mark.parametrize(("status", "is_transient"), [(404, False), (503, True)])
@pytest.mark.parametrize(("fallback_model", "tries"), [(FALLBACK, 2), (None, 1)])
def test_without_a_model_that_answers_there_is_no_answer(
    stand_ins: StandInsClient,
    build: Build,
    calls: CallCollector,
    status: int,
    is_transient: bool,
    fallback_model: str | None,
    tries: int,
) -> None:
    _fault(stand_ins, _error(status), status=status, times=None)

    failure = _failure(build(fallback_model=fallback_model))

    assert (failure.category, failure.is_transient) == (ErrorCategory.PROVIDER_ERROR, is_transient)
    assert len(calls.drain()) == tries


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (400, _refused_medium("Unable to process input image."), ErrorCategory.PROVIDER_ERROR),
        (400, _refused_medium("Request contains an invalid argument: file_uri"), ErrorCategory.PROVIDER_ERROR),
        (400, _error(400, "FAILED_PRECONDITION"), ErrorCategory.AUTH),
        (413, "<html>", ErrorCategory.PROVIDER_ERROR),
        (302, {}, ErrorCategory.PROVIDER_ERROR),
    ],
)
def test_a_wrong_question_is_asked_once(
    stand_ins: StandInsClient, build: Build, calls: CallCollector, status: int, body: Any, category: ErrorCategory
) -> None:
    _fault(stand_ins, body, status=status)

    failure = _failure(build("stand-in", "other-key"))

    assert (failure.category, failure.is_transient, failure.status) == (category, False, status)
    assert [call.error_category for call in calls.drain()] == [category]


@pytest.mark.parametrize(
    "body",
    [
        _error(400, "INVALID_ARGUMENT"),
        [1, 2],
        {"error": "no"},
        {"error": {"details": {"reason": "API_KEY_INVALID"}}},
        {"error": {"message": "The specified schema produces a constraint that has too many states for serving."}},
    ],
)
def test_a_bad_request_without_a_reason_is_sent_once_more_with_a_schema_without_limits(
    stand_ins: StandInsClient, build: Build, calls: CallCollector, body: Any
) -> None:
    _fault(stand_ins, body, status=400)

    Shape.model_validate(build().answer(PROMPT, shape=Shape).answer)

    assert [(call.status, call.cost_usd == 0) for call in calls.drain()] == [(400, True), (200, False)]


def test_a_bad_request_is_not_sent_a_third_time(stand_ins: StandInsClient, build: Build, calls: CallCollector) -> None:
    _fault(stand_ins, _error(400), status=400, times=None)

    failure = _failure(build("stand-in", "other-key"))

    assert (failure.category, failure.is_transient, failure.status) == (ErrorCategory.PROVIDER_ERROR, False, 400)
    assert [call.status for call in calls.drain()] == [400, 400]


@pytest.mark.parametrize("shape", [Shape, AnalystAnswer, RepairedClaims])
def test_an_account_that_refuses_limits_in_the_schema_gives_an_answer(
    build: Build, calls: CallCollector, shape: type[BaseModel]
) -> None:
    reply = build("plain-schema-key").answer(PROMPT, shape=shape)

    assert reply.answer.keys() == shape.model_fields.keys()
    assert [call.status for call in calls.drain()] == [400, 200]


@pytest.mark.parametrize(
    "body",
    [
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE},
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "candidates": []},
        _reply(None, "SAFETY"),
        _reply("{}", "PROHIBITED_CONTENT"),
        _reply(None, "SPII"),
    ],
)
def test_blocked_content_is_not_asked_again(
    stand_ins: StandInsClient, build: Build, calls: CallCollector, body: dict[str, Any]
) -> None:
    _fault(stand_ins, body)

    failure = _failure(build())

    assert (failure.category, failure.is_transient) == (ErrorCategory.AI_ERROR, False)
    assert "refused" in failure.message
    assert len(calls.drain()) == 1


OBJECT = '{"a": {"b": "} ] \\" {"}}'


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff {OBJECT}\n",
        f"```json\n{OBJECT}\n```",
        f"```\n{OBJECT}\n```\n",
        f'Here is {{the}} "analysis" [sic]:\n```JSON\n{OBJECT}\n```\nHope it helps {{}}!',
        f"Sure: {OBJECT}",
        f"{OBJECT} {OBJECT}",
        f"[{OBJECT}]",
        f"Answer: [{OBJECT}]",
        f"<think>What {{a}} post!</think>{OBJECT}",
        json.dumps(OBJECT),
        json.dumps(f"```json\n{OBJECT}\n```"),
        json.dumps([OBJECT]),
        f"```json\n{json.dumps(OBJECT)}\n```",
    ],
)
def test_an_answer_in_a_fence_in_prose_in_a_list_or_encoded_twice_is_read(
    stand_ins: StandInsClient, build: Build, calls: CallCollector, text: str
) -> None:
    _fault(stand_ins, _reply(text))

    assert build().answer(PROMPT, shape=Shape).answer == {"a": {"b": '} ] " {'}}
    assert len(calls.drain()) == 1


UNUSABLE = [
    _reply('{"a": 1', "MAX_TOKENS"),
    _reply("", "RECITATION"),
    _reply("{}", "OTHER"),
    _reply("{}", "A_REASON_OF_THE_FUTURE"),
    _reply("{}", "MALFORMED_RESPONSE"),
    _reply("{}", None),
    _reply("I am sorry."),
    _reply('{"a": 1} {"a": 2}'),
    _reply("[]"),
    _reply('[{"a": 1}, {"a": 2}]'),
    _reply('{"a": ' * 5_000),
    _reply('"' + '\\"' * 5_000),
    _reply("[" * 100_000),
    _reply(""),
    _reply(None),
    {},
    {"candidates": "none", "promptFeedback": 5},
    {"candidates": [None]},
    {"candidates": [{"finishReason": "STOP", "content": {"parts": [5, {"text": 5}]}}]},
]


@pytest.mark.parametrize("body", UNUSABLE)
def test_an_unusable_answer_is_asked_for_once_more(
    stand_ins: StandInsClient, build: Build, calls: CallCollector, body: dict[str, Any]
) -> None:
    _fault(stand_ins, body)

    Shape.model_validate(build().answer(PROMPT, shape=Shape).answer)

    assert [call.error_category for call in calls.drain()] == [ErrorCategory.AI_ERROR, None]


@pytest.mark.parametrize("body", UNUSABLE)
def test_an_answer_that_is_unusable_twice_is_an_ai_error_that_was_paid_for(
    stand_ins: StandInsClient, build: Build, calls: CallCollector, body: dict[str, Any]
) -> None:
    _fault(stand_ins, body, times=None)

    failure = _failure(build())

    assert (failure.category, failure.is_transient) == (ErrorCategory.AI_ERROR, False)
    expected = Decimal("0.001875") if "usageMetadata" in body else None
    assert [call.cost_usd for call in calls.drain()] == [expected, expected]


@pytest.mark.parametrize("body", ["<html>", "", "[]", '"x"', "[" * 100_000])
def test_a_reply_that_is_not_of_gemini_is_asked_for_once_more(
    stand_ins: StandInsClient, build: Build, calls: CallCollector, body: str
) -> None:
    _fault(stand_ins, body, times=2)

    failure = _failure(build())

    assert (failure.category, failure.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    assert [call.cost_usd for call in calls.drain()] == [None, None]


def test_a_dropped_connection_is_transient_and_its_price_unknown(
    stand_ins: StandInsClient, build: Build, calls: CallCollector
) -> None:
    stand_ins.fault("gemini", "disconnect")

    failure = _failure(build())

    assert (failure.category, failure.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    assert [(call.status, call.cost_usd) for call in calls.drain()] == [(None, None)]


def test_a_closed_port_is_transient_and_free(build: Build, calls: CallCollector) -> None:
    endpoints.use(Endpoints(gemini_url="http://127.0.0.1:1", stand_ins=frozenset({"gemini"})))

    failure = _failure(build())

    assert (failure.category, failure.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    assert [call.cost_usd for call in calls.drain()] == [0]


def test_silence_is_a_timeout(stand_ins: StandInsClient, build: Build) -> None:
    stand_ins.fault("gemini", "timeout")

    failure = _failure(build(timeout_s=0.3))

    assert (failure.category, failure.is_transient) == (ErrorCategory.TIMEOUT, True)


def test_one_deadline_holds_for_all_tries(stand_ins: StandInsClient, build: Build) -> None:
    stand_ins.fault("gemini", "slow", delay_s=0.4)

    failure = _failure(build("minute-limited-key", "day-limited-key", "bad-key", "denied-key", timeout_s=0.6))

    assert failure.category is ErrorCategory.TIMEOUT
    assert len(stand_ins.calls("gemini")) <= 2  # of four keys, each of which would have had time of its own


def test_a_reply_that_drips_is_given_up_at_the_deadline(build: Build, serve_bytes: Serve) -> None:
    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            time.sleep(0.05)
            yield b"1\r\n \r\n"

    endpoints.use(Endpoints(gemini_url=serve_bytes(drip()), stand_ins=frozenset({"gemini"})))

    failure = _failure(build(timeout_s=0.4))

    assert failure.category is ErrorCategory.TIMEOUT


@pytest.mark.parametrize(
    "trouble",
    [
        {"mode": "status", "status": 403, "body": _error(403)},
        {"mode": "status", "status": 400, "body": _error(400)},
        {"mode": "status", "status": 503, "body": _error(503)},
        {"mode": "status", "status": 200, "body": _reply(SECRET)},
        {"mode": "status", "status": 200, "body": SECRET},
        {"mode": "disconnect"},
    ],
)
def test_no_failure_tells_a_key_a_prompt_or_an_answer(
    stand_ins: StandInsClient,
    build: Build,
    calls: CallCollector,
    caplog: pytest.LogCaptureFixture,
    trouble: dict[str, Any],
) -> None:
    stand_ins.fault("gemini", **trouble)
    with caplog.at_level("DEBUG"):
        failure = _failure(build())

    told = [str(calls), caplog.text]
    error: BaseException | None = failure
    while error is not None:
        told.append(f"{error!s} {error!r}")
        error = error.__cause__ or error.__context__
    assert not [text for text in told if "stand-in" in text.replace("is_stand_in", "") or SECRET in text]


@pytest.mark.parametrize("keys", [(), ("",), ("good", "two words")])
def test_keys_that_cannot_be_sent_are_refused_at_once(keys: tuple[str, ...], calls: CallCollector) -> None:
    with pytest.raises(ValueError, match="GEMINI_API_KEY"):
        GeminiAnalyst(keys, model=MODEL, fallback_model=None, calls=calls, timeout_s=WAIT_S, prices=PRICES)


def test_no_sdk_is_loaded_before_it_is_used() -> None:
    script = (
        "import json, sys; from whyviral.integrations import gemini, twitterapi, clerk; "
        "print(json.dumps([name for name in ('google.genai', 'httpx2', 'jwt') if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert json.loads(done.stdout) == []
