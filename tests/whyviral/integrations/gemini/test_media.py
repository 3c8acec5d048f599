"""Media on their way to Gemini, through the real SDK."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import BaseModel

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.videos import tiny_video
from tests.fixtures.waits import WAIT_S
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.gemini.analyst import GeminiAnalyst
from whyviral.integrations.ports.analyst import AnalystPrompt, InlineMedia, MediaPart, VideoUrl
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

PROMPT = AnalystPrompt(system="You explain posts.", user="[F1] likes = 10 likes (x metrics)", version="v1")
WATCH = "https://www.youtube.com/watch?v=jNQXAC9IVRw"
PNG = b"\x89PNG\r\n\x1a\n and pixels"


class Shape(BaseModel):
    reasoning: str


@pytest.fixture
def analyst(local_endpoints: Endpoints) -> GeminiAnalyst:
    return GeminiAnalyst(
        ["stand-in"],
        model="gemini-3.8-flash",
        fallback_model=None,
        calls=CallCollector(),
        timeout_s=WAIT_S,
        prices=PRICES,
    )


@pytest.fixture
def recorder() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that keeps what it is sent and refuses it."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(400)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()
        thread.join()


def test_media_go_before_the_words_and_are_counted_in_tokens(stand_ins: StandInsClient, analyst: GeminiAnalyst) -> None:
    url = VideoUrl(WATCH, start_s=0, end_s=12.5, frames_per_second=0.5)
    media: list[MediaPart] = [InlineMedia(PNG, "image/png"), InlineMedia(tiny_video(seconds=3), "video/mp4"), url]

    without = analyst.answer(PROMPT, shape=Shape)
    seen = analyst.answer(replace(PROMPT, media=media), shape=Shape)

    assert [call["parts"] for call in stand_ins.calls("gemini")] == [
        ["text"],
        ["image/png", "video/mp4", "video_url", "text"],
    ]
    # 258 for the picture; for each second of video 70 a frame and 32 for the sound.
    assert seen.input_tokens - without.input_tokens == 258 + 3 * 102 + math.ceil(12.5 * 67)
    assert "1 image and 15.5 seconds of video" in seen.answer["reasoning"]


def test_what_is_sent_is_spelled_as_google_spells_it(
    analyst: GeminiAnalyst, recorder: tuple[str, list[dict[str, Any]]]
) -> None:
    address, bodies = recorder
    endpoints.use(Endpoints(gemini_url=address, stand_ins=frozenset({"gemini"})))
    media: list[MediaPart] = [InlineMedia(b"\xff\xd8\xff\xfe", "image/jpeg"), VideoUrl(WATCH, 0, 60, 0.5)]

    with pytest.raises(ProviderError):
        analyst.answer(replace(PROMPT, media=media), shape=Shape)

    assert bodies[0]["contents"] == [
        {
            "role": "user",
            "parts": [
                {"inlineData": {"data": "_9j__g==", "mime_type": "image/jpeg"}},
                {
                    "fileData": {"file_uri": WATCH},
                    "videoMetadata": {"start_offset": "0s", "end_offset": "60s", "fps": 0.5},
                },
                {"text": PROMPT.user},
            ],
        }
    ]


@pytest.mark.parametrize("broken", [b"\xff\xd8\xff", b"<html>", b"GIF89a"])
def test_a_picture_that_is_not_what_it_says_is_refused(analyst: GeminiAnalyst, broken: bytes) -> None:
    with pytest.raises(ProviderError) as refused:
        analyst.answer(replace(PROMPT, media=[InlineMedia(broken, "image/png")]), shape=Shape)

    assert (refused.value.category, refused.value.status) == (ErrorCategory.PROVIDER_ERROR, 400)


def test_a_question_that_is_too_large_is_told_by_its_status(stand_ins: StandInsClient, analyst: GeminiAnalyst) -> None:
    stand_ins.fault("gemini", "status", status=413, times=1)

    with pytest.raises(ProviderError) as refused:
        analyst.answer(replace(PROMPT, media=[InlineMedia(PNG, "image/png")]), shape=Shape)

    assert (refused.value.category, refused.value.status) == (ErrorCategory.PROVIDER_ERROR, 413)


def test_neither_media_nor_their_bytes_are_shown_when_a_prompt_is_printed() -> None:
    assert "pixels" not in repr(replace(PROMPT, media=[InlineMedia(PNG, "image/png")]))
