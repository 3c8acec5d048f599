"""OpenAI's own SDK against its stand-in, and against the stand-in of servers that speak its chat API."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.fixtures.stand_ins import StandInsClient

MODEL = "gpt-6-luna"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def client_with(stand_ins: StandInsClient, key: str = "stand-in", *, vendor: str = "openai") -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{stand_ins.base_url}/{vendor}/v1", max_retries=0)


@pytest.fixture
def client(stand_ins: StandInsClient) -> Iterator[openai.OpenAI]:
    with client_with(stand_ins) as client:
        yield client


@pytest.fixture
def self_hosted(stand_ins: StandInsClient) -> Iterator[openai.OpenAI]:
    with client_with(stand_ins, vendor="self_hosted") as client:
        yield client


def test_the_sdk_reads_a_response(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Why?", store=False)

    assert response.output_text.startswith("Stand-in answer")
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


def test_the_sdk_reads_a_stream(client: openai.OpenAI) -> None:
    question = "Why? stand-in:tokens=5 stand-in:split"

    with client.responses.stream(model=MODEL, input=question) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert "".join(deltas).split() == [f"word{number}" for number in range(5)]
    assert final.output_text == "".join(deltas)


def test_events_are_numbered_without_gaps(client: openai.OpenAI) -> None:
    events: Any = client.responses.create(model=MODEL, input="Why?", stream=True)

    numbers = [event.sequence_number for event in events]

    assert numbers == list(range(len(numbers)))


def test_the_sdk_reads_a_refusal(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="stand-in:refuse")

    message: Any = response.output[-1]
    assert [part.type for part in message.content] == ["refusal"]


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("bad-key", openai.AuthenticationError),
        ("denied-key", openai.PermissionDeniedError),
        ("limited-key", openai.RateLimitError),
        ("spend-limited-key", openai.RateLimitError),
    ],
)
def test_the_sdk_knows_the_errors_of_keys(
    stand_ins: StandInsClient, key: str, error: type[openai.APIStatusError]
) -> None:
    with client_with(stand_ins, key) as client, pytest.raises(error):
        client.responses.create(model=MODEL, input="Why?")
    with client_with(stand_ins, key, vendor="self_hosted") as client, pytest.raises(error):
        client.chat.completions.create(model="stand-in", messages=[{"role": "user", "content": "Why?"}])


def test_an_organization_that_is_not_verified_may_not_stream(stand_ins: StandInsClient) -> None:
    with client_with(stand_ins, "unverified-key") as client:
        assert client.responses.create(model=MODEL, input="Why?").output_text
        with pytest.raises(openai.BadRequestError) as failed:
            client.responses.create(model=MODEL, input="Why?", stream=True)

    assert (failed.value.param, failed.value.code) == ("stream", "unsupported_value")


def _format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"text": {"format": {"type": "json_schema", "name": "analysis", "strict": True, "schema": schema}}}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"max_tokens": 100}, 400),
        ({"temperature": 0.2}, 400),
        ({"temperature": 1}, 200),
        ({"model": "gpt-3"}, 404),
        ({"model": "gpt-6.2-sol", "reasoning": {"effort": "none"}}, 400),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://a.example/1"}]}]}, 400),
        (_format(SCHEMA), 200),
        (_format(SCHEMA | {"required": []}), 400),
        (_format({**SCHEMA, "properties": {"a": {"type": "string", "minLength": 1}}}), 400),
        (_format({**SCHEMA, "properties": {"a": {"type": "string", "default": "x"}}}), 400),
    ],
)
def test_what_the_vendor_refuses_is_refused(stand_ins: StandInsClient, changes: dict[str, Any], status: int) -> None:
    body = {"model": MODEL, "input": "Why?"} | changes

    reply = stand_ins.http.post("/openai/v1/responses", json=body, headers={"authorization": "Bearer stand-in"})

    assert reply.status_code == status, reply.text


def test_the_sdk_reads_a_completion_of_a_self_hosted_server(self_hosted: openai.OpenAI) -> None:
    completion = self_hosted.chat.completions.create(model="stand-in", messages=[{"role": "user", "content": "Why?"}])

    assert (completion.choices[0].message.content or "").startswith("<think>")
    assert completion.choices[0].finish_reason == "stop"


def test_the_sdk_reads_a_stream_of_a_self_hosted_server(self_hosted: openai.OpenAI) -> None:
    chunks = list(
        self_hosted.chat.completions.create(
            model="stand-in",
            messages=[{"role": "user", "content": "Why? stand-in:tokens=5"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.partition("</think>")[2].split() == [f"word{number}" for number in range(5)]
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
