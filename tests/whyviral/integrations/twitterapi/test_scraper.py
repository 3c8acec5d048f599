from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.post_scraper import asks_for
from tests.fixtures.bytes_server import Serve
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.post_scraper import ScrapedPost, ScrapeFailure
from whyviral.integrations.twitterapi.api_call import TwitterApiCalls
from whyviral.integrations.twitterapi.errors import UnreadableAnswer
from whyviral.integrations.twitterapi.scraper import TwitterApiScraper
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
ONE_TWEET_USD = Decimal("0.00015")
KEY = "stand-in"


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def scraper(local_endpoints: Endpoints, calls: CallCollector) -> TwitterApiScraper:
    return TwitterApiScraper(
        KEY, calls=calls, clock=lambda: NOW, timeout_s=WAIT_S, most_posts_with_replies=0, prices=PRICES
    )


def _failure(scraper: TwitterApiScraper, post_id: str = "101") -> ScrapeFailure:
    outcome = scraper.fetch_posts(asks_for(post_id))[post_id]
    assert isinstance(outcome, ScrapeFailure)
    return outcome


def test_a_post_comes_with_its_counts_and_is_paid_for(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector
) -> None:
    stand_ins.add_post(id="101", username="somebody", text="Hello.", posted_at="2025-08-14T07:37:46Z")

    outcomes = scraper.fetch_posts(asks_for("101"))

    post = outcomes["101"]
    assert isinstance(post, ScrapedPost)
    assert (post.platform_post_id, post.url, post.author.username, post.text, post.posted_at) == (
        "101",
        "https://x.com/i/status/101",
        "somebody",
        "Hello.",
        datetime(2025, 8, 14, 7, 37, 46, tzinfo=UTC),
    )
    assert post.metrics == {"likes": 10, "comments": 2, "views": 1000, "shares": 1, "quotes": 0, "bookmarks": 0}
    (call,) = calls.drain()
    assert (call.provider, call.operation, call.started_at, call.status, call.error_category) == (
        "twitterapi",
        "GET /twitter/tweets",
        NOW,
        200,
        None,
    )
    assert (call.cost_usd, call.is_stand_in) == (ONE_TWEET_USD, True)


def test_many_posts_are_asked_in_one_call_and_the_missing_ones_are_not_found(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector
) -> None:
    for post_id in ("101", "102", "103"):
        stand_ins.add_post(id=post_id)

    outcomes = scraper.fetch_posts(asks_for("101", "404", "102", "101", "103"))

    assert list(outcomes) == ["101", "404", "102", "103"]
    missing = outcomes["404"]
    assert isinstance(missing, ScrapeFailure)
    assert missing.category is ErrorCategory.NOT_FOUND
    assert "no public post" in missing.message
    assert [call.cost_usd for call in calls.drain()] == [3 * ONE_TWEET_USD]


def test_an_answer_without_posts_costs_the_minimum(scraper: TwitterApiScraper, calls: CallCollector) -> None:
    assert _failure(scraper).category is ErrorCategory.NOT_FOUND
    assert [call.cost_usd for call in calls.drain()] == [ONE_TWEET_USD]


def test_more_than_a_hundred_posts_take_a_second_call(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector
) -> None:
    outcomes = scraper.fetch_posts(asks_for(*map(str, range(1000, 1101))))

    assert len(outcomes) == 101
    assert len(calls.drain()) == len(stand_ins.calls("twitterapi")) == 2


def test_nothing_asked_is_nothing_called(scraper: TwitterApiScraper, calls: CallCollector) -> None:
    assert scraper.fetch_posts([]) == {}
    assert calls.drain() == []


@pytest.mark.parametrize("post_id", ["", "1,2", "abc", "1&tweet_ids=2", "٣", "9" * 30])
def test_an_invalid_id_is_never_sent(scraper: TwitterApiScraper, calls: CallCollector, post_id: str) -> None:
    assert _failure(scraper, post_id).category is ErrorCategory.INVALID_URL
    assert calls.drain() == []


@pytest.mark.parametrize(
    ("status", "body", "category", "is_transient"),
    [
        (401, {"error": "Unauthorized", "message": "Invalid API key"}, ErrorCategory.AUTH, False),
        (403, {"detail": "forbidden"}, ErrorCategory.AUTH, False),
        (402, {"error": "Unauthorized", "message": "Credits is not enough.Please recharge"}, ErrorCategory.AUTH, False),
        (400, {"message": "Credits is not enough.Please recharge"}, ErrorCategory.AUTH, False),
        (400, {"status": "error", "msg": "bad cursor", "data": None}, ErrorCategory.PROVIDER_ERROR, False),
        (404, {"detail": "Not Found"}, ErrorCategory.PROVIDER_ERROR, False),
        (422, {"detail": [{"loc": ["query"], "msg": "x"}]}, ErrorCategory.PROVIDER_ERROR, False),
        (302, {}, ErrorCategory.PROVIDER_ERROR, False),
        (500, "oops", ErrorCategory.PROVIDER_ERROR, True),
        (502, "<html>", ErrorCategory.PROVIDER_ERROR, True),
        (503, {}, ErrorCategory.PROVIDER_ERROR, True),
        (504, {}, ErrorCategory.PROVIDER_ERROR, True),
    ],
)
def test_each_refusal_of_a_call_has_its_category_and_costs_nothing(
    stand_ins: StandInsClient,
    scraper: TwitterApiScraper,
    calls: CallCollector,
    status: int,
    body: Any,
    category: ErrorCategory,
    is_transient: bool,
) -> None:
    stand_ins.fault("twitterapi", "status", status=status, body=body)

    with pytest.raises(ProviderError) as failure:
        scraper.fetch_posts(asks_for("101"))

    error = failure.value
    assert (error.provider, error.category, error.is_transient, error.status) == (
        "twitterapi",
        category,
        is_transient,
        status,
    )
    assert [(call.status, call.error_category, call.cost_usd) for call in calls.drain()] == [
        (status, category, Decimal(0))
    ]
    assert KEY not in f"{error!s}{error!r}"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [({}, 5.0), ({"Retry-After": "12"}, 12.0), ({"Retry-After": "Mon, 23 Nov 2026 12:00:09 GMT"}, 9.0)],
)
def test_a_rate_limit_says_how_long_to_wait(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, headers: dict[str, str], wait_s: float
) -> None:
    stand_ins.fault("twitterapi", "status", status=429, headers=headers)

    with pytest.raises(ProviderError) as failure:
        scraper.fetch_posts(asks_for("101"))

    error = failure.value
    assert (error.category, error.is_transient, error.retry_after_s) == (ErrorCategory.RATE_LIMIT, True, wait_s)


@pytest.mark.parametrize(
    ("status", "text", "category"),
    [
        (400, "tweet_ids is invalid", ErrorCategory.INVALID_URL),
        (400, "tweetId is required", ErrorCategory.INVALID_URL),
        (200, "Tweet not found", ErrorCategory.NOT_FOUND),
        (200, "This account is protected", ErrorCategory.PRIVATE),
        (200, "User has been suspended", ErrorCategory.REMOVED),
    ],
)
@pytest.mark.parametrize("envelope", ["message", "msg", "detail", "error"])
def test_a_refusal_about_the_post_fails_the_post_and_not_the_call(
    stand_ins: StandInsClient,
    scraper: TwitterApiScraper,
    calls: CallCollector,
    status: int,
    text: str,
    category: ErrorCategory,
    envelope: str,
) -> None:
    stand_ins.fault("twitterapi", "status", status=status, body={"status": "error", envelope: text, "data": None})

    assert _failure(scraper).category is category
    assert [call.error_category for call in calls.drain()] == [category]


@pytest.mark.parametrize(
    ("text", "category", "is_transient"),
    [("Credits is not enough", ErrorCategory.AUTH, False), ("upstream", ErrorCategory.PROVIDER_ERROR, True)],
)
def test_an_error_that_calls_itself_200_is_an_error(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, text: str, category: ErrorCategory, is_transient: bool
) -> None:
    stand_ins.fault("twitterapi", "status", status=200, body={"status": "error", "msg": text})

    with pytest.raises(ProviderError) as failure:
        scraper.fetch_posts(asks_for("101"))

    assert (failure.value.category, failure.value.is_transient) == (category, is_transient)


@pytest.mark.parametrize("body", ["<html>", "", "[]", "null", "{}", '{"tweets": null}', '{"tweets": {}}', "[" * 99_999])
def test_garbage_is_asked_about_once_more_and_is_then_the_end(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector, body: str
) -> None:
    stand_ins.fault("twitterapi", "status", status=200, body=body)

    with pytest.raises(ProviderError) as failure:
        scraper.fetch_posts(asks_for("101"))

    assert (failure.value.category, failure.value.is_transient) == (ErrorCategory.PROVIDER_ERROR, False)
    assert failure.value.message.endswith("could not be read; try again.")
    assert [call.error_category for call in calls.drain()] == [ErrorCategory.PROVIDER_ERROR] * 2


def test_a_post_comes_where_only_the_first_answer_was_garbage(
    stand_ins: StandInsClient, scraper: TwitterApiScraper
) -> None:
    stand_ins.add_post(id="101")
    stand_ins.fault("twitterapi", "garbage", times=1)

    assert isinstance(scraper.fetch_posts(asks_for("101"))["101"], ScrapedPost)


@pytest.mark.parametrize("tweet", [{"id": "999"}, {}, None, "101", {"id": ["101"]}])
def test_an_unrequested_post_is_a_provider_error_the_second_time(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, tweet: Any
) -> None:
    stand_ins.fault("twitterapi", "status", status=200, body={"status": "success", "tweets": [tweet]})

    failure = _failure(scraper)

    assert (failure.category, failure.message) == (
        ErrorCategory.PROVIDER_ERROR,
        "The source of X posts sent another post than the requested one; try again.",
    )
    assert len(stand_ins.calls("twitterapi")) == 2


def test_only_replaced_posts_are_fetched_again(stand_ins: StandInsClient, scraper: TwitterApiScraper) -> None:
    stand_ins.add_post(id="102")
    tweets = [{"id": "101", "text": "Hello.", "author": {"userName": "somebody"}}, {"id": "999"}]
    stand_ins.fault("twitterapi", "status", status=200, body={"status": "success", "tweets": tweets}, times=1)

    outcomes = scraper.fetch_posts(asks_for("101", "102", "404"))

    assert len(stand_ins.calls("twitterapi")) == 2
    told = [outcome.text if isinstance(outcome, ScrapedPost) else outcome.category for outcome in outcomes.values()]
    assert told == ["Hello.", "An invented post.", ErrorCategory.NOT_FOUND]


def test_the_posts_of_the_first_answer_are_kept_when_the_second_call_fails(
    stand_ins: StandInsClient, scraper: TwitterApiScraper
) -> None:
    tweets = [{"id": "101", "text": "Hello.", "author": {"userName": "somebody"}}, {"id": "999"}]
    stand_ins.fault("twitterapi", "status", status=200, body={"status": "success", "tweets": tweets}, times=1)
    stand_ins.fault("twitterapi", "status", status=500)

    outcomes = scraper.fetch_posts(asks_for("101", "102"))

    assert isinstance(outcomes["101"], ScrapedPost)
    assert isinstance(missing := outcomes["102"], ScrapeFailure)
    assert missing.category is ErrorCategory.PROVIDER_ERROR


def test_a_dropped_connection_is_tried_once_more(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector
) -> None:
    stand_ins.add_post(id="101")
    stand_ins.fault("twitterapi", "disconnect", times=1)

    assert isinstance(scraper.fetch_posts(asks_for("101"))["101"], ScrapedPost)
    first, second = calls.drain()
    assert (first.status, first.error_category, first.cost_usd) == (None, ErrorCategory.PROVIDER_ERROR, None)
    assert (second.status, second.error_category, second.cost_usd) == (200, None, ONE_TWEET_USD)


def test_a_connection_dropped_twice_is_a_provider_error(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector
) -> None:
    stand_ins.fault("twitterapi", "disconnect")

    with pytest.raises(ProviderError) as failure:
        scraper.fetch_posts(asks_for("101"))

    assert (failure.value.category, failure.value.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    assert len(calls.drain()) == 2


def test_silence_is_a_timeout_of_unknown_price_and_is_not_repeated(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    stand_ins.fault("twitterapi", "timeout")
    scraper = TwitterApiScraper(KEY, calls=calls, timeout_s=0.5, prices=PRICES)

    with pytest.raises(ProviderError) as failure:
        scraper.fetch_posts(asks_for("101"))

    assert (failure.value.category, failure.value.is_transient) == (ErrorCategory.TIMEOUT, True)
    assert [(call.status, call.cost_usd) for call in calls.drain()] == [(None, None)]


def test_a_call_that_never_left_costs_nothing(local_endpoints: Endpoints, calls: CallCollector) -> None:
    endpoints.use(Endpoints(twitterapi_url="http://127.0.0.1:1", stand_ins=frozenset({"twitterapi"})))
    scraper = TwitterApiScraper(KEY, calls=calls, prices=PRICES)

    with pytest.raises(ProviderError) as failure:
        scraper.fetch_posts(asks_for("101"))

    assert failure.value.is_transient
    assert [call.cost_usd for call in calls.drain()] == [0, 0]


def test_an_answer_that_is_cut_is_one_that_cannot_be_read(
    local_endpoints: Endpoints, calls: CallCollector, serve_bytes: Serve
) -> None:
    pieces: Iterator[bytes] = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
    endpoints.use(Endpoints(twitterapi_url=serve_bytes(pieces), stand_ins=frozenset({"twitterapi"})))
    api = TwitterApiCalls(KEY, calls=calls, clock=lambda: NOW, client=None, prices=PRICES)

    with pytest.raises(UnreadableAnswer) as failure:
        api.get_tweets("/twitter/tweets", {}, max_tweets=1, timeout_s=WAIT_S)

    assert (failure.value.is_transient, failure.value.status) == (False, 200)
    assert [call.cost_usd for call in calls.drain()] == [None]


def test_a_wrong_key_is_refused_and_never_repeated(local_endpoints: Endpoints, calls: CallCollector) -> None:
    with pytest.raises(ProviderError) as failure:
        TwitterApiScraper("bad-key", calls=calls, prices=PRICES).fetch_posts(asks_for("101"))

    assert failure.value.category is ErrorCategory.AUTH
    assert "bad-key" not in f"{failure.value!s}{failure.value!r}{calls!r}"
