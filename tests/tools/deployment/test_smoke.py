"""The smoke test of a deployed API, against answers of the test."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tools.deployment.smoke import SmokeTestFailed, Waiting, smoke

SETTINGS = {
    "SMOKE_API_KEY": "ak_test",
    "SMOKE_PHOTO_URL": "https://www.instagram.com/p/photo/",
    "SMOKE_VIDEO_URL": "https://x.com/i/status/1",
}
FINISHED = {"status": "COMPLETED", "results": {"partial": 0}, "error": None, "duration_seconds": 9.5, "cost_usd": 0.01}

type Answer = Callable[[httpx.Request], httpx.Response]


def api_with(answer: Answer) -> httpx.Client:
    return httpx.Client(base_url="https://api.example.com", transport=httpx.MockTransport(answer))


def answering(*states: dict[str, Any]) -> Answer:
    """Answer health and analyze/, and each poll with the next state."""
    polls: Iterator[dict[str, Any]] = iter(states)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health/":
            return httpx.Response(200, json={"status": "ok"})
        assert request.headers["authorization"] == "Bearer ak_test"
        if request.method == "POST":
            return httpx.Response(202, json={"requests": [{"id": "7"}]})
        return httpx.Response(200, json=next(polls))

    return answer


@pytest.fixture
def waiting() -> Waiting:
    return Waiting(max_s=10, poll_s=5, sleep=lambda _: None)


def test_a_photo_and_a_video_are_analysed(waiting: Waiting) -> None:
    processing = {"status": "PROCESSING"}

    lines = smoke(api_with(answering(processing, FINISHED, FINISHED)), SETTINGS, waiting=waiting)

    assert [line.partition(" was analysed")[0] for line in lines[1:]] == [
        SETTINGS["SMOKE_PHOTO_URL"],
        SETTINGS["SMOKE_VIDEO_URL"],
    ]


def test_without_a_key_only_health_is_tested_and_that_is_said(waiting: Waiting) -> None:
    assert smoke(api_with(answering()), {}, waiting=waiting)[1:] == [
        "no analysis was tried, because SMOKE_API_KEY, SMOKE_PHOTO_URL, SMOKE_VIDEO_URL is not set"
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _: httpx.Response(503, text="database"), "/health/ answers 503: database"),
        (
            answering({**FINISHED, "status": "FAILED", "error": "The post is private."}),
            "ended FAILED: The post is private",
        ),
        (answering({**FINISHED, "results": {"partial": 1}}), "ended COMPLETED"),
        (answering(*[{"status": "PENDING"}] * 2), "has not ended after 10 s; its request is 7"),
    ],
    ids=["unhealthy", "failed", "partial", "slow"],
)
def test_what_is_wrong_is_named(answer: Answer, message: str, waiting: Waiting) -> None:
    with pytest.raises(SmokeTestFailed, match=message):
        smoke(api_with(answer), SETTINGS, waiting=waiting)
