"""Pictures and videos, as the stand-in of Gemini takes them."""

import base64
import json
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from local.stand_ins.gemini.media import SeenMedia, in_words
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.videos import tiny_video
from tests.fixtures.waits import WAIT_S

KEY = {"x-goog-api-key": "stand-in"}
JPEG = b"\xff\xd8\xff\xe0 picture"
WATCH = "https://www.youtube.com/watch?v=jNQXAC9IVRw"


def inline(content: bytes, mime_type: str, **clip: Any) -> dict[str, Any]:
    data = base64.urlsafe_b64encode(content).decode()
    return {"inlineData": {"mimeType": mime_type, "data": data}} | ({"videoMetadata": clip} if clip else {})


def watching(url: str = WATCH, **clip: Any) -> dict[str, Any]:
    return {"fileData": {"fileUri": url}, "videoMetadata": clip}


def ask(stand_ins: StandInsClient, *parts: dict[str, Any], text: str = "Why?") -> httpx.Response:
    schema = {"type": "object", "properties": {"reasoning": {"type": "string"}}, "required": ["reasoning"]}
    config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    body = {"contents": [{"parts": [*parts, {"text": text}]}], "generationConfig": config}
    return stand_ins.http.post("/gemini/v1/models/gemini-3.8-flash:generateContent", json=body, headers=KEY)


def reasoning(reply: httpx.Response) -> str:
    assert reply.status_code == 200, reply.text
    return str(json.loads(reply.json()["candidates"][0]["content"]["parts"][0]["text"])["reasoning"])


def weights(reply: httpx.Response) -> dict[str, int]:
    details = reply.json()["usageMetadata"]["promptTokensDetails"]
    return {detail["modality"]: detail["tokenCount"] for detail in details if detail["modality"] != "TEXT"}


def test_an_answer_says_what_was_seen_and_heard_and_cites_it(stand_ins: StandInsClient) -> None:
    data = {"text": "Kites!", "transcript": [{"id": "T1", "text": "Look at 3 kites"}, {"id": "T2", "text": "Up"}]}
    listed = "[F1] likes = 5 likes (x metrics)\n\n[M1] photo 1\n[M2] photo 2\n[M3] video 1"
    text = f"{listed}\n<post_data>\n{json.dumps(data)}\n</post_data>"
    parts = [inline(JPEG, "image/jpeg"), inline(JPEG, "image/jpeg"), inline(tiny_video(seconds=4), "video/mp4")]

    answer = reasoning(ask(stand_ins, *parts, text=text))

    assert "It came with 2 images and 4 seconds of video [M1]." in answer
    assert "The first words said are “Look at” [T1]." in answer


def test_an_answer_without_media_or_speech_claims_neither(stand_ins: StandInsClient) -> None:
    answer = reasoning(ask(stand_ins, text="[F1] likes = 5 likes (x metrics)"))

    assert "came with" not in answer
    assert "words said" not in answer


def test_media_weigh_by_their_number_and_length(stand_ins: StandInsClient) -> None:
    reply = ask(
        stand_ins,
        inline(JPEG, "image/jpeg"),
        inline(JPEG, "image/jpeg"),
        inline(tiny_video(seconds=4), "video/mp4", endOffset="3s", fps=2),
        watching(startOffset="5s", endOffset="15s", fps=0.5),
        watching(),
    )

    assert weights(reply) == {"IMAGE": 2 * 258, "VIDEO": 3 * 172 + 10 * 67 + 60 * 102}


def test_the_calls_tell_what_the_parts_were_and_never_what_was_in_them(stand_ins: StandInsClient) -> None:
    ask(stand_ins, inline(JPEG, "image/jpeg"), watching(), text="hush")
    stand_ins.http.get("/gemini/v1/models", headers=KEY)

    told = stand_ins.http.get("/__control/calls").text
    assert [call["parts"] for call in stand_ins.calls("gemini")] == [["image/jpeg", "video_url", "text"], None]
    assert "hush" not in told
    assert "jNQX" not in told


@pytest.mark.parametrize(
    "part",
    [
        inline(b"no picture", "image/jpeg"),
        inline(JPEG, "image/gif"),
        inline(JPEG, "image/../png"),
        inline(JPEG, "application/pdf"),
        inline(b"no video", "video/mp4"),
        inline(tiny_video(seconds=4), "video/mp4", startOffset="9s"),
        watching("https://example.com/video.mp4"),
        watching(endOffset="soon"),
        watching(endOffset="0s"),
        watching(fps=0),
        watching(fps=True),
        watching(fps="1"),
        {"fileData": {"fileUri": 5}},
        {"inlineData": [], "videoMetadata": {}},
        {"text": 5},
        watching() | {"videoMetadata": []},
    ],
)
def test_a_part_that_cannot_be_used_is_an_invalid_argument(stand_ins: StandInsClient, part: dict[str, Any]) -> None:
    reply = ask(stand_ins, part)

    assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_more_than_100_mb_is_too_much(stand_ins: StandInsClient) -> None:
    address = urlsplit(stand_ins.base_url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=WAIT_S)
    with closing(connection):
        connection.putrequest("POST", "/gemini/v1/models/gemini-3.8-flash:generateContent")
        for name, value in (KEY | {"content-length": str(100 * 1024 * 1024 + 1)}).items():
            connection.putheader(name, value)

        connection.endheaders(b"{")

        with connection.getresponse() as response:
            assert response.status == 413


@pytest.mark.parametrize(
    ("media", "words"),
    [
        ([], ""),
        ([SeenMedia("image/png", "IMAGE", 0, 258)], "1 image"),
        ([SeenMedia("audio/mpeg", "AUDIO", 2.04, 65)], "2 seconds of sound"),
    ],
)
def test_what_came_is_told_in_words(media: list[SeenMedia], words: str) -> None:
    assert in_words(media) == words
