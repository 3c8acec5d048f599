"""What Gemini's stream has that other vendors' streams do not."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.chat import Collected, chat_prompt, collect
from tests.fixtures.model_providers import chat_model, model_settings
from tests.fixtures.stand_ins import StandInsClient
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.model_choice.factory import build_chat_model
from whyviral.integrations.ports.analyst import InlineMedia, VideoUrl
from whyviral.integrations.ports.chat_model import Finish
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

pytestmark = pytest.mark.usefixtures("local_endpoints")
USAGE = {"promptTokenCount": 1000, "candidatesTokenCount": 200, "thoughtsTokenCount": 100}


def reply(text: str | None, finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    parts = [] if text is None else [{"text": text}]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": finish_reason}
    return {"candidates": [candidate], "usageMetadata": USAGE} | fields


def answered(stand_ins: StandInsClient, calls: CallCollector, *lines: dict[str, Any] | str) -> Collected:
    """Return what the chat model makes of a stream with these replies, or bare lines."""
    stream = "".join(line if isinstance(line, str) else f"data: {json.dumps(line)}\r\n\r\n" for line in lines)
    stand_ins.fault("gemini", "status", status=200, body=stream)
    return collect(chat_model("gemini", calls), chat_prompt("Why?"))


def test_thoughts_are_no_text_and_are_billed(stand_ins: StandInsClient) -> None:
    calls = CallCollector()
    thought = reply(None)
    thought["candidates"][0]["content"]["parts"] = [{"text": "Hmm.", "thought": True, "thoughtSignature": "!"}]

    answer = answered(stand_ins, calls, thought, reply("Because."), reply("", "STOP"))

    assert answer.pieces == ["Because."]
    assert answer.end is not None
    assert (answer.end.input_tokens, answer.end.output_tokens) == (1000, 300)
    assert answer.end.cost_usd == Decimal("0.001050")


def test_an_error_as_a_bare_line_ends_the_stream(stand_ins: StandInsClient) -> None:
    calls = CallCollector()

    answer = answered(stand_ins, calls, reply("Be"), '{"error": {"code": 503, "status": "UNAVAILABLE"}}\n')

    assert answer.error is not None
    assert (answer.text, answer.error.category) == ("Be", ErrorCategory.PROVIDER_ERROR)
    assert [(call.cost_usd, call.output_tokens) for call in calls.calls] == [(None, 300)]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", Finish.STOP),
        ("MAX_TOKENS", Finish.LENGTH),
        ("SAFETY", Finish.REFUSED),
        ("RECITATION", Finish.REFUSED),
        ("SPII", Finish.REFUSED),
        ("A_REASON_OF_TOMORROW", Finish.OTHER),
    ],
)
def test_the_reason_of_the_end_is_understood(stand_ins: StandInsClient, reason: str, finish: Finish) -> None:
    answer = answered(stand_ins, CallCollector(), reply("Because."), reply(None, reason))

    assert answer.end is not None
    assert answer.end.finish is finish


def test_comment_lines_and_unknown_fields_are_ignored(stand_ins: StandInsClient) -> None:
    answer = answered(stand_ins, CallCollector(), ": ping\n\n", reply("Because.", "STOP", somethingNew={"a": 1}))

    assert answer.text == "Because."


def test_pictures_and_videos_come_before_the_first_turn(stand_ins: StandInsClient) -> None:
    picture = InlineMedia(b"\xff\xd8\xff\xe0", "image/jpeg")
    video = VideoUrl("https://www.youtube.com/watch?v=jNQXAC9IVRw", 0, 10, 1)

    answer = collect(chat_model("gemini", CallCollector()), chat_prompt("Why?", "How?", "So.", media=[picture, video]))

    assert answer.end is not None
    assert stand_ins.calls("gemini")[-1]["parts"] == ["image/jpeg", "video_url", "text", "text", "text"]


def test_a_lone_surrogate_does_not_stop_a_question(stand_ins: StandInsClient) -> None:
    answer = collect(chat_model("gemini", CallCollector()), chat_prompt("Why \ud800?"))

    assert answer.end is not None


def test_the_only_key_is_used_again_after_a_short_cooldown(stand_ins: StandInsClient) -> None:
    calls = CallCollector()
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.1s"}
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [retry]}}
    stand_ins.fault("gemini", "status", status=429, body=body, times=1)
    model = build_chat_model(model_settings("gemini"), calls=calls, prices=PRICES)

    answer = collect(model, chat_prompt("Why?"))

    assert answer.end is not None
    assert [call.status for call in calls.calls] == [429, 200]
