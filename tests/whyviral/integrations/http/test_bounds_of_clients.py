"""Each client announces the upper bound of a call's cost before the call, and no stand-in's answer costs more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import BaseModel

from tests.fakes.post_scraper import asks_for
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.videos import tiny_video
from tests.fixtures.waits import WAIT_S
from whyviral.integrations.brightdata.scraper_api import BrightDataClient, Dataset, Snapshot
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.gemini.analyst import GeminiAnalyst
from whyviral.integrations.ports.analyst import AnalystPrompt, InlineMedia, MediaPart, VideoUrl
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall
from whyviral.integrations.twitterapi.scraper import TwitterApiScraper
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
MODEL = "gemini-3.8-flash"
PROMPT = AnalystPrompt(system="You explain posts.", user="[F1] likes = 10 likes (x metrics)", version="v1")
WATCH = "https://www.youtube.com/watch?v=jNQXAC9IVRw"
PICTURE = InlineMedia(b"\x89PNG\r\n\x1a\n and pixels", "image/png")
TWEET_USD = Decimal("0.00015")
RECORD_USD = Decimal("0.0015")


class Shape(BaseModel):
    reasoning: str


class Announced(CallCollector):
    """Collects the announced calls beside the recorded ones."""

    def __init__(self) -> None:
        super().__init__()
        self.intents: list[CallIntent] = []

    def begin(self, intent: CallIntent) -> None:
        self.intents.append(intent)

    def pairs(self) -> Iterator[tuple[CallIntent, ExternalCall]]:
        made = {call.id: call for call in self.calls}
        return ((intent, made[intent.id]) for intent in self.intents)

    def most(self) -> list[Decimal | None]:
        return [intent.most_usd for intent in self.intents]


@pytest.fixture
def calls() -> Announced:
    return Announced()


def analyst(calls: Announced, *, model: str = MODEL) -> GeminiAnalyst:
    return GeminiAnalyst(
        ["stand-in"], model=model, fallback_model=None, calls=calls, timeout_s=WAIT_S, clock=lambda: NOW, prices=PRICES
    )


@pytest.mark.parametrize(
    ("words", "media"),
    [
        ("hello", []),
        ("", [PICTURE] * 24),
        ("\U0001fa81\u200d" * 5_000, []),
        ("a " * 50_000, []),
        ("", [InlineMedia(tiny_video(seconds=9), "video/mp4", duration_s=9.0)]),
        ("", [InlineMedia(tiny_video(seconds=9), "video/mp4")]),
        ("", [VideoUrl(WATCH, start_s=0, end_s=300, frames_per_second=0.5)]),
        ("", [VideoUrl(WATCH, start_s=0, end_s=59.5, frames_per_second=1.0), PICTURE]),
    ],
    ids=["words", "pictures", "emoji", "many words", "video", "endless video", "watched", "closely watched"],
)
@pytest.mark.usefixtures("local_endpoints")
def test_no_answer_of_the_model_costs_more_than_its_announced_bound(
    calls: Announced, words: str, media: list[MediaPart]
) -> None:
    analyst(calls).answer(replace(PROMPT, user=PROMPT.user + words, media=media), shape=Shape)

    ((intent, call),) = calls.pairs()
    assert (intent.model, call.error_category) == (MODEL, None)
    assert Decimal(0) < (call.cost_usd or 0) <= (intent.most_usd or 0) < Decimal(1)


@pytest.mark.usefixtures("local_endpoints")
def test_a_prompt_with_a_larger_output_limit_has_a_higher_bound(calls: Announced, stand_ins: StandInsClient) -> None:
    stand_ins.fault("gemini", "status", status=200, body={"candidates": [{"finishReason": "MAX_TOKENS"}]}, times=1)

    analyst(calls).answer(PROMPT, shape=Shape)

    first, second = calls.most()
    assert first is not None
    assert second == first + Decimal("3.75") * 8192 / 1_000_000


@pytest.mark.usefixtures("local_endpoints")
def test_the_bound_of_a_model_without_a_price_is_unknown(calls: Announced) -> None:
    with pytest.raises(ProviderError):
        analyst(calls, model="gemini-9-unheard-of").answer(PROMPT, shape=Shape)

    assert calls.most() == [None]


@pytest.mark.usefixtures("local_endpoints")
def test_a_cost_above_its_bound_is_recorded_unchanged(calls: Announced, stand_ins: StandInsClient) -> None:
    usage = {"promptTokenCount": 2_000_000, "candidatesTokenCount": 1}
    candidate = {"content": {"parts": [{"text": "{}"}]}, "finishReason": "STOP"}
    stand_ins.fault("gemini", "status", status=200, body={"candidates": [candidate], "usageMetadata": usage}, times=1)

    analyst(calls).answer(PROMPT, shape=Shape)

    ((intent, call),) = calls.pairs()
    assert call.cost_usd == Decimal("1.500004")
    assert (intent.most_usd or 0) < call.cost_usd


@pytest.mark.usefixtures("local_endpoints")
def test_the_bound_of_tweets_and_replies_is_the_price_of_a_full_page(
    calls: Announced, stand_ins: StandInsClient
) -> None:
    stand_ins.add_post(id="101")
    stand_ins.add_post(id="102", metrics={"likes": 1, "comments": 0})

    TwitterApiScraper("stand-in", calls=calls, clock=lambda: NOW, prices=PRICES).fetch_posts(
        asks_for("101", "102", "404")
    )

    assert calls.most() == [3 * TWEET_USD, 20 * TWEET_USD]
    assert all((call.cost_usd or 0) <= (intent.most_usd or 0) for intent, call in calls.pairs())


@pytest.mark.usefixtures("local_endpoints")
def test_the_bound_of_a_job_is_one_record_per_input_and_polling_is_free(
    calls: Announced, stand_ins: StandInsClient
) -> None:
    stand_ins.control("brightdata", {"delay_s": 0})
    stand_ins.add_instagram_post("DTq8Yc2kR1A", ("image", b"picture"))
    client = BrightDataClient("stand-in", calls=calls, clock=lambda: NOW, prices=PRICES)
    urls = [{"url": f"https://www.instagram.com/p/{code}/"} for code in ("DTq8Yc2kR1A", "C9zzInVeNtd")]

    job_id = client.trigger(Dataset.INSTAGRAM_POSTS, urls)
    while not isinstance(client.read(job_id), Snapshot):
        pass

    assert (calls.most()[0], set(calls.most()[1:])) == (2 * RECORD_USD, {Decimal(0)})
    assert [(call.job_id, call.cost_usd) for call in (calls.calls[0], calls.calls[-1])] == [
        (job_id, None),
        (job_id, RECORD_USD),
    ]
