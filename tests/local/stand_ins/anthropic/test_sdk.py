"""Anthropic's own SDK against its stand-in: what the SDK understands, our client may rely on."""

import base64
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from pydantic import BaseModel

from tests.fixtures.pictures import media_file
from tests.fixtures.stand_ins import StandInsClient

MODEL = "claude-haiku-5-5"
ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 1024}


class Shape(BaseModel):
    reason: str


@pytest.fixture
def client(stand_ins: StandInsClient) -> Iterator[anthropic.Anthropic]:
    with client_with(stand_ins, "stand-in") as client:
        yield client


def client_with(stand_ins: StandInsClient, key: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=key, base_url=f"{stand_ins.base_url}/anthropic", max_retries=0)


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_the_sdk_reads_a_message(client: anthropic.Anthropic) -> None:
    message = client.messages.create(**ASK, messages=said("Why?"))

    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0 < message.usage.output_tokens


def test_the_sdk_reads_a_stream(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASK, messages=said("Why? stand-in:tokens=5 stand-in:split")) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text.split() == [f"word{number}" for number in range(5)]
    assert (final.stop_reason, final.content[-1].type) == ("end_turn", "text")


def test_the_sdk_follows_a_schema(client: anthropic.Anthropic) -> None:
    schema = anthropic.transform_schema(Shape)
    config: Any = {"format": {"type": "json_schema", "schema": schema}}

    message = client.messages.create(**ASK, messages=said("Why?"), output_config=config)

    Shape.model_validate_json("".join(block.text for block in message.content if block.type == "text"))


def test_the_sdk_reads_a_refusal(client: anthropic.Anthropic) -> None:
    message = client.messages.create(**ASK, messages=said("stand-in:refuse"))

    assert (message.stop_reason, message.content) == ("refusal", [])


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("bad-key", anthropic.AuthenticationError),
        ("denied-key", anthropic.PermissionDeniedError),
        ("limited-key", anthropic.RateLimitError),
        ("spend-limited-key", anthropic.RateLimitError),
        ("own-spend-limited-key", anthropic.BadRequestError),
    ],
)
def test_the_sdk_knows_the_errors_of_keys(
    stand_ins: StandInsClient, key: str, error: type[anthropic.APIStatusError]
) -> None:
    with client_with(stand_ins, key) as client, pytest.raises(error) as failed:
        client.messages.create(**ASK, messages=said("Why?"))

    assert failed.value.request_id is not None
    assert failed.value.request_id.startswith("req_")


def test_the_sdk_reports_an_error_and_a_cut_in_a_stream(client: anthropic.Anthropic) -> None:
    for order, error in (("error", anthropic.APIStatusError), ("cut", httpx2.RemoteProtocolError)):
        with (
            pytest.raises(error),
            client.messages.stream(**ASK, messages=said(f"stand-in:tokens=6 stand-in:{order}")) as stream,
        ):
            list(stream.text_stream)


PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/jpeg", "data": base64.b64encode(b"no picture").decode()},
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"temperature": 1.0}, 400),
        ({"max_tokens": None}, 400),
        ({"model": "claude-2"}, 404),
        ({"messages": [*said("Why?"), {"role": "assistant", "content": "Because"}]}, 400),
        ({"messages": [{"role": "system", "content": "You explain."}, *said("Why?")]}, 400),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, 400),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, 200),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA | {"minimum": 1}}}}, 400),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA | {"additionalProperties": True}}}},
            400,
        ),
    ],
)
def test_what_the_vendor_refuses_is_refused(stand_ins: StandInsClient, changes: dict[str, Any], status: int) -> None:
    body = {name: value for name, value in ({**ASK, "messages": said("Why?")} | changes).items() if value is not None}
    headers = {"x-api-key": "stand-in", "anthropic-version": "2026-10-21"}

    reply = stand_ins.http.post("/anthropic/v1/messages", json=body, headers=headers)

    assert reply.status_code == status, reply.text


def test_more_than_twenty_pictures_must_be_small(stand_ins: StandInsClient) -> None:
    header = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (2001).to_bytes(4) + (10).to_bytes(4) + b"\0" * 8
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(header).decode()}
    picture = {"type": "image", "source": source}
    statuses = []
    for count in (20, 21):
        body = ASK | {"messages": [{"role": "user", "content": [*[picture] * count, {"type": "text", "text": "Why?"}]}]}
        headers = {"x-api-key": "stand-in", "anthropic-version": "2026-10-21"}
        statuses.append(stand_ins.http.post("/anthropic/v1/messages", json=body, headers=headers).status_code)

    assert statuses == [200, 400]


def test_a_picture_counts_by_its_size(client: anthropic.Anthropic) -> None:
    data = base64.b64encode(media_file("image/jpeg", 2_000)).decode()
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": data}}
    words: Any = {"type": "text", "text": "Why?"}

    without = client.messages.create(**ASK, messages=said("Why?"))
    with_one = client.messages.create(**ASK, messages=[{"role": "user", "content": [picture, words]}])

    assert with_one.usage.input_tokens > without.usage.input_tokens
