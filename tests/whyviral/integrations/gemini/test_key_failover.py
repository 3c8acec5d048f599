"""What clients do when a call is not let through: wait, do without, or ask elsewhere, and lose nothing."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from tests.fakes.calls import RefusingCollector
from tests.fakes.post_scraper import asks_for
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import CallThrottled, ProviderError
from whyviral.integrations.gemini.analyst import GeminiAnalyst
from whyviral.integrations.http.api_keys import hash_of_key
from whyviral.integrations.instagram.scraper import InstagramScraper
from whyviral.integrations.ports.analyst import AnalystPrompt
from whyviral.integrations.ports.post_scraper import PostAsk, ScrapedPost, ScrapeJob
from whyviral.integrations.twitterapi.scraper import TwitterApiScraper
from whyviral.integrations.youtube.data_api import YouTubeDataApi
from whyviral.vendor_calls.prices import PRICES

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = "stand-in"
RESTS = (ErrorCategory.RATE_LIMIT, 40.0)
MODEL, SPARE = "gemini-3.8-flash", "gemini-3.5-flash-lite"
PROMPT = AnalystPrompt(system="You explain posts.", user="F1: 10 likes.", version="v1")


class Shape(BaseModel):
    reasoning: str


@pytest.fixture
def calls() -> RefusingCollector:
    return RefusingCollector()


def analyst_of(calls: RefusingCollector, *keys: str) -> GeminiAnalyst:
    return GeminiAnalyst(
        keys, model=MODEL, fallback_model=SPARE, calls=calls, timeout_s=WAIT_S, clock=lambda: NOW, prices=PRICES
    )


def test_a_refused_call_is_never_made_and_nothing_is_recorded(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    calls.refusals[hash_of_key(KEY)] = RESTS

    with pytest.raises(CallThrottled) as refused:
        TwitterApiScraper(KEY, calls=calls, prices=PRICES).fetch_posts(asks_for("101"))

    assert (refused.value.retry_after_s, calls.drain(), stand_ins.calls("twitterapi")) == (40.0, [], [])


def test_a_post_does_without_replies_that_are_not_let_through(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    stand_ins.add_post(id="101")
    calls.refusals[hash_of_key(KEY)] = RESTS
    calls.lets = 1

    outcome = TwitterApiScraper(KEY, calls=calls, prices=PRICES).fetch_posts(asks_for("101"))["101"]

    assert isinstance(outcome, ScrapedPost)
    assert len(stand_ins.calls("twitterapi")) == 1


def test_the_pace_of_a_tier_goes_with_each_call(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    TwitterApiScraper(KEY, calls=calls, requests_per_second=0.2, prices=PRICES).fetch_posts(asks_for("101"))

    assert [(intent.key_hash, intent.requests_per_second) for intent in calls.begun] == [(hash_of_key(KEY), 0.2)]


def test_a_job_is_kept_when_it_may_not_be_asked_about(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    calls.refusals[hash_of_key(KEY)] = RESTS
    running = PostAsk("Hphoto", path_word="p", job=ScrapeJob("sd_1", "posts", 1))

    with pytest.raises(CallThrottled):
        InstagramScraper(KEY, calls=calls, prices=PRICES).fetch_posts([running, *asks_for("Hother")])

    assert stand_ins.calls("brightdata") == []


def test_what_a_run_has_learnt_outlives_a_refusal_in_it(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    calls.refusals[hash_of_key(KEY)] = RESTS
    calls.lets = 1
    asks = [PostAsk("Hphoto", path_word="p", job=None), PostAsk("Hreel", path_word="reel", job=None)]

    outcomes = InstagramScraper(KEY, calls=calls, prices=PRICES).fetch_posts(asks)

    assert set(outcomes) == {"Hphoto"}  # its job has begun; the other post is asked for again


def test_a_question_takes_the_next_key_where_one_rests(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    calls.refusals[hash_of_key("first", scope=MODEL)] = RESTS

    reply = analyst_of(calls, "first", "second").answer(PROMPT, shape=Shape)

    assert reply.model.startswith(MODEL)
    assert [intent.key_hash for intent in calls.begun] == [hash_of_key("second", scope=MODEL)]


def test_when_all_keys_rest_the_soonest_return_is_told(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    calls.refusals[hash_of_key("first", scope=MODEL)] = RESTS
    calls.refusals[hash_of_key("second", scope=MODEL)] = (ErrorCategory.RATE_LIMIT, 7.0)

    with pytest.raises(ProviderError) as failure:
        analyst_of(calls, "first", "second").answer(PROMPT, shape=Shape)

    assert (failure.value.category, failure.value.retry_after_s) == (ErrorCategory.RATE_LIMIT, 7.0)
    assert stand_ins.calls("gemini") == []


def test_a_model_that_is_left_in_peace_is_followed_by_the_other(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    calls.refusals[hash_of_key(KEY, scope=MODEL)] = (ErrorCategory.PROVIDER_ERROR, 90.0)

    assert analyst_of(calls, KEY).answer(PROMPT, shape=Shape).model.startswith(SPARE)


def test_a_quota_of_a_day_rests_an_hour(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: RefusingCollector
) -> None:
    body = {"error": {"code": 403, "errors": [{"domain": "youtube.quota", "reason": "quotaExceeded"}]}}
    stand_ins.fault("youtube", "status", status=403, body=body, times=1)

    with pytest.raises(ProviderError) as failure:
        YouTubeDataApi(KEY, calls=calls).list_videos(["dQw4w9WgXcQ"])

    assert (failure.value.category, failure.value.retry_after_s) == (ErrorCategory.RATE_LIMIT, 3600.0)


def test_a_key_is_named_without_being_told() -> None:
    names = {hash_of_key(key, scope=scope) for key in ("abc", "abd") for scope in ("", "x")}

    assert len(names) == 4
    assert not any("abc" in name for name in names)
