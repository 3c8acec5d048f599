import base64
import json
from typing import Any

import httpx
import httpx2
import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel, Field

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S

MODEL = "gemini-3.8-flash"
KEY = {"x-goog-api-key": "stand-in"}
PROMPT = "[F1] likes = 300000 likes (x metrics)\n<post>\njust setting up my twttr\n</post>"


class Observation(BaseModel):
    hook: str
    tone: str


class Analysis(BaseModel):
    virality_reasoning: str
    quick_takeaways: list[str] = Field(min_length=3, max_length=5)
    content_observation: Observation
    suggestions_for_future_posts: list[str] = Field(min_length=4, max_length=4)
    score: int | None = Field(ge=1, le=10)


def client(stand_ins: StandInsClient, version: str = "v1", *, key: str = "stand-in") -> genai.Client:
    options = types.HttpOptions(base_url=f"{stand_ins.base_url}/gemini", api_version=version, timeout=1000 * WAIT_S)
    return genai.Client(api_key=key, http_options=options)


def post(stand_ins: StandInsClient, body: dict[str, Any], *, model: str = MODEL) -> httpx.Response:
    return stand_ins.http.post(f"/gemini/v1/models/{model}:generateContent", json=body, headers=KEY)


def text_of(reply: httpx.Response) -> str:
    assert reply.status_code == 200, reply.text
    text: str = reply.json()["candidates"][0]["content"]["parts"][0]["text"]
    return text


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_the_sdk_gets_an_answer_of_its_pydantic_shape(stand_ins: StandInsClient, version: str) -> None:
    config = types.GenerateContentConfig(
        system_instruction="You are careful.",
        response_mime_type="application/json",
        response_schema=Analysis,
        max_output_tokens=8192,
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW),
        safety_settings=[
            types.SafetySetting(
                category=types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                threshold=types.HarmBlockThreshold.BLOCK_ONLY_HIGH,
            )
        ],
    )
    with client(stand_ins, version) as gemini:
        reply = gemini.models.generate_content(model=MODEL, contents=PROMPT, config=config)

    assert isinstance(reply.parsed, Analysis)
    assert "just setting up my twttr" in reply.parsed.virality_reasoning
    assert "it has 300,000 likes [F1]" in reply.parsed.virality_reasoning
    assert reply.parsed.virality_reasoning.startswith("Stand-in answer, not written by a model")
    assert reply.model_version == f"{MODEL} (stand-in)"
    assert reply.response_id
    usage = reply.usage_metadata
    assert usage is not None
    assert usage.prompt_token_count
    assert usage.total_token_count == (
        usage.prompt_token_count + (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    )


def test_the_sdk_gets_an_answer_of_a_json_schema(stand_ins: StandInsClient) -> None:
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=Analysis.model_json_schema()
    )
    with client(stand_ins) as gemini:
        reply = gemini.models.generate_content(model=MODEL, contents=PROMPT, config=config)

    Analysis.model_validate(reply.parsed)


def test_the_sdk_may_send_pictures_and_videos(stand_ins: StandInsClient) -> None:
    contents = [
        types.Part.from_bytes(data=b"\xff\xd8\xff", mime_type="image/jpeg"),
        types.Part(
            file_data=types.FileData(file_uri="https://www.youtube.com/watch?v=jNQXAC9IVRw"),
            video_metadata=types.VideoMetadata(start_offset="0s", end_offset="60s", fps=0.5),
        ),
        types.Part.from_text(text="What is this?"),
    ]
    with client(stand_ins) as gemini:
        reply = gemini.models.generate_content(model=MODEL, contents=contents)

    assert reply.text is not None
    assert "“What is this”" in reply.text
    assert reply.usage_metadata is not None
    details = reply.usage_metadata.prompt_tokens_details or []
    assert [detail.modality for detail in details] == ["TEXT", "IMAGE", "VIDEO"]


def test_the_sdk_streams_counts_and_lists(stand_ins: StandInsClient) -> None:
    with client(stand_ins) as gemini:
        pieces = list(gemini.models.generate_content_stream(model=MODEL, contents=PROMPT))
        counted = gemini.models.count_tokens(model=MODEL, contents=PROMPT)
        names = [model.name for model in gemini.models.list()]
        one = gemini.models.get(model=MODEL)

    assert len(pieces) > 1
    assert "".join(piece.text or "" for piece in pieces).startswith("Stand-in answer")
    reasons = [piece.candidates[0].finish_reason for piece in pieces if piece.candidates]
    assert reasons == [None] * (len(pieces) - 1) + [types.FinishReason.STOP]
    assert counted.total_tokens == -(-len(PROMPT) // 4)
    assert f"models/{MODEL}" in names
    assert one.name == f"models/{MODEL}"


def test_a_stream_without_events_is_one_json_array(stand_ins: StandInsClient) -> None:
    path = f"/gemini/v1/models/{MODEL}:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": PROMPT}]}]}

    array = stand_ins.http.post(path, json=body, headers=KEY).json()
    events = stand_ins.http.post(f"{path}?alt=sse", json=body, headers=KEY).text.split("\r\n\r\n")

    assert len(array) > 1
    texts = [
        json.loads(event.removeprefix("data: "))["candidates"][0]["content"]["parts"][0]["text"]
        for event in events
        if event
    ]
    assert texts == [reply["candidates"][0]["content"]["parts"][0]["text"] for reply in array]


@pytest.mark.parametrize(
    ("key", "status", "name"),
    [
        ("bad-key", 400, "INVALID_ARGUMENT"),
        ("denied-key", 403, "PERMISSION_DENIED"),
        ("minute-limited-key", 429, "RESOURCE_EXHAUSTED"),
        ("day-limited-key", 429, "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_key_in_trouble_is_refused_as_the_sdk_knows_it(
    stand_ins: StandInsClient, key: str, status: int, name: str
) -> None:
    with client(stand_ins, key=key) as gemini, pytest.raises(errors.ClientError) as refused:
        gemini.models.generate_content(model=MODEL, contents="hi")

    assert (refused.value.code, refused.value.status) == (status, name)
    reasons = json.dumps(refused.value.details)
    expected = {"bad-key": "API_KEY_INVALID", "minute-limited-key": "PerMinute", "day-limited-key": "PerDay"}
    assert expected.get(key, "leaked") in reasons


def test_a_missing_key_is_refused(stand_ins: StandInsClient) -> None:
    assert stand_ins.http.get("/gemini/v1/models").status_code == 403
    assert stand_ins.http.get("/gemini/v1/models?key=any").status_code == 200


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-2.0-flash-exp", "gemini-9000", "gemini-flash-latest"])
def test_a_model_that_is_gone_is_not_found(stand_ins: StandInsClient, model: str) -> None:
    with client(stand_ins) as gemini, pytest.raises(errors.ClientError) as refused:
        gemini.models.generate_content(model=model, contents="hi")

    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")


def test_the_aliases_exist_in_the_beta_version_only(stand_ins: StandInsClient) -> None:
    with client(stand_ins, "v1beta") as gemini:
        assert gemini.models.generate_content(model="gemini-flash-latest", contents="hi").text


def test_faults_reach_the_sdk(stand_ins: StandInsClient) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    stand_ins.fault("gemini", "status", status=503, times=1)
    stand_ins.fault("gemini", "status", status=200, body=blocked, times=1)
    stand_ins.fault("gemini", "disconnect", times=1)
    with client(stand_ins) as gemini:
        with pytest.raises(errors.ServerError):
            gemini.models.generate_content(model=MODEL, contents="hi")

        assert gemini.models.generate_content(model=MODEL, contents="hi").text is None

        with pytest.raises(httpx2.TransportError):
            gemini.models.generate_content(model=MODEL, contents="hi")


def test_two_posts_get_visibly_different_answers(stand_ins: StandInsClient) -> None:
    config = {"responseMimeType": "application/json", "responseJsonSchema": Analysis.model_json_schema()}
    prompts = [PROMPT, PROMPT.replace("just setting up my twttr", "Forty loaves, gone by nine! #sourdough")]

    answers = [
        json.loads(text_of(post(stand_ins, {"contents": {"parts": {"text": prompt}}, "generationConfig": config})))
        for prompt in prompts
    ]

    assert answers[0].keys() == answers[1].keys()
    for name in ("virality_reasoning", "quick_takeaways", "content_observation", "suggestions_for_future_posts"):
        assert answers[0][name] != answers[1][name]


def test_both_spellings_and_both_alphabets_are_accepted(stand_ins: StandInsClient) -> None:
    body = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"inline_data": {"mime_type": "image/png", "data": "iVBORw0KGgr_"}}, {"text": "a"}],
            },
            {"role": "model", "parts": [{"text": "b"}]},
            {
                "role": "user",
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgr/+w=="}}, {"text": "c"}],
            },
        ],
        "generation_config": {
            "response_mime_type": "application/json",
            "response_schema": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]},
        },
    }

    assert isinstance(json.loads(text_of(post(stand_ins, body)))["n"], int)


def test_an_answer_over_the_limit_is_cut_and_says_so(stand_ins: StandInsClient) -> None:
    body = {"contents": [{"parts": [{"text": PROMPT}]}], "generationConfig": {"maxOutputTokens": 30}}

    reply = post(stand_ins, body).json()

    assert reply["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert reply["usageMetadata"]["candidatesTokenCount"] <= 30


def test_json_without_a_schema_is_still_json(stand_ins: StandInsClient) -> None:
    config = {"responseMimeType": "application/json"}

    text = text_of(post(stand_ins, {"contents": [{"parts": [{"text": PROMPT}]}], "generationConfig": config}))

    assert json.loads(text)["answer"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contents": []},
        {"contents": "hi"},
        {"contents": [{"parts": []}]},
        {"contents": [{"parts": [{}]}]},
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "*"}}]}]},
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]},
        {"contents": [{"parts": [{"inlineData": {"data": base64.b64encode(b"x").decode()}}]}]},
        {"contents": [{"parts": [{"fileData": {}}]}]},
        {"contents": [{"parts": [{"text": "a"}]}], "generationConfig": []},
        {"contents": [{"parts": [{"text": "a"}]}], "generationConfig": {"maxOutputTokens": 0}},
        {"contents": [{"parts": [{"text": "a"}]}], "generationConfig": {"responseSchema": {"type": "STRING"}}},
        {
            "contents": [{"parts": [{"text": "a"}]}],
            "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "?"}},
        },
        {
            "contents": [{"parts": [{"text": "a"}]}],
            "generationConfig": {"thinkingConfig": {"thinking_level": "MINIMAL"}},
        },
    ],
)
def test_a_bad_request_is_an_invalid_argument(stand_ins: StandInsClient, body: dict[str, Any]) -> None:
    reply = post(stand_ins, body)

    assert reply.status_code == 400
    assert reply.json()["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("content", [b"{", b"[]", b'"hi"', b"\xff", b"[" * 100_000, b'{"a": "\\ud800"}'])
def test_a_body_that_is_no_object_is_an_invalid_argument(stand_ins: StandInsClient, content: bytes) -> None:
    reply = stand_ins.http.post(f"/gemini/v1/models/{MODEL}:generateContent", content=content, headers=KEY)

    assert reply.status_code == 400
    assert reply.json()["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ({"type": "string"}, 200),
        ({"type": "string", "maxLength": 9}, 400),
        ({"type": "string", "min_length": "1"}, 400),
        ({"$ref": "#/$defs/Line"}, 400),
    ],
)
def test_an_account_may_refuse_every_schema_with_limits(
    stand_ins: StandInsClient, items: dict[str, Any], status: int
) -> None:
    schema = {"type": "object", "properties": {"lines": {"type": "array", "items": items}}}
    body = {
        "contents": [{"parts": [{"text": PROMPT}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema},
    }

    reply = stand_ins.http.post(
        f"/gemini/v1/models/{MODEL}:generateContent", json=body, headers={"x-goog-api-key": "plain-schema-key"}
    )

    assert reply.status_code == status
    if status == 400:
        assert reply.json()["error"] == {
            "code": 400,
            "message": "Request contains an invalid argument.",
            "status": "INVALID_ARGUMENT",
        }
