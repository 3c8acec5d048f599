"""The best-liked replies to a post of X: one more paid call, and never a reason to lose the post."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.post_scraper import asks_for
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.ports.post_scraper import ScrapedComment, ScrapedPost
from whyviral.integrations.twitterapi.scraper import MOST_POSTS_WITH_REPLIES, TwitterApiScraper
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

ONE_TWEET_USD = Decimal("0.00015")
REPLIES = "/twitter/tweet/replies/v2"
COMMENTS = [
    {"text": "First.", "author": "kim", "likes": 3, "posted_at": "2026-11-01T13:00:00Z"},
    {"text": "Best of all.", "author": "jo", "likes": 90, "posted_at": "2026-11-01T14:00:00Z"},
]


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def scraper(local_endpoints: Endpoints, calls: CallCollector) -> TwitterApiScraper:
    return TwitterApiScraper("stand-in", calls=calls, timeout_s=WAIT_S, prices=PRICES)


def comments_of(scraper: TwitterApiScraper, post_id: str = "101") -> list[ScrapedComment]:
    post = scraper.fetch_posts(asks_for(post_id))[post_id]
    assert isinstance(post, ScrapedPost)
    return list(post.comments)


def reply(reply_id: Any, text: Any, **fields: Any) -> dict[str, Any]:
    return {"id": reply_id, "text": text, "author": {"userName": "kim"}, **fields}


def test_replies_are_comments_the_best_liked_first_and_are_paid_for(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector
) -> None:
    stand_ins.add_post(id="101", comments=COMMENTS)

    assert comments_of(scraper) == [
        ScrapedComment("Best of all.", "jo", 90, datetime(2026, 11, 1, 14, tzinfo=UTC)),
        ScrapedComment("First.", "kim", 3, datetime(2026, 11, 1, 13, tzinfo=UTC)),
    ]
    assert [(call.operation, call.cost_usd) for call in calls.drain()] == [
        ("GET /twitter/tweets", ONE_TWEET_USD),
        (f"GET {REPLIES}", 2 * ONE_TWEET_USD),
    ]


@pytest.mark.parametrize("comments", [0, None])
def test_a_post_without_replies_is_not_asked_about(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, comments: int | None
) -> None:
    metrics = {"likes": 10, "comments": comments, "views": 1000, "shares": 1}
    stand_ins.add_post(id="101", comments=COMMENTS, metrics=metrics)

    assert comments_of(scraper) == []
    assert len(stand_ins.calls("twitterapi")) == 1


def test_one_page_of_many_replies_is_enough(stand_ins: StandInsClient, scraper: TwitterApiScraper) -> None:
    stand_ins.add_post(id="101", comments=[{"text": f"Number {number}.", "likes": number} for number in range(50)])

    assert [comment.likes for comment in comments_of(scraper)] == list(range(49, 29, -1))
    assert [call["path"] for call in stand_ins.calls("twitterapi")] == ["/twitter/tweets", REPLIES]


@pytest.mark.parametrize("name", ["tweets", "replies"])
def test_replies_are_found_under_either_name_and_only_sound_ones_are_taken(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, name: str
) -> None:
    stand_ins.add_post(id="101")
    told = [
        reply("1", "@invented @kim  Hello there.", likeCount=-1, createdAt="never"),
        reply("1", "The same one again."),
        reply("101", "The post itself."),
        reply("2", "@invented "),
        reply("x", "No id."),
        reply("3", 5),
        None,
        "text",
        reply("4", "a\x00" + "b" * 5_000, author=None),
    ]
    stand_ins.fault("twitterapi", "status", path=REPLIES, status=200, body={"status": "success", name: told})

    first, last = comments_of(scraper)

    assert first == ScrapedComment("Hello there.", "kim", None, None)
    assert (len(last.text), last.author) == (2_000, None)


@pytest.mark.parametrize(
    "fault",
    [
        {"mode": "status", "status": 429},
        {"mode": "status", "status": 402},
        {"mode": "status", "status": 500},
        {"mode": "status", "status": 200, "body": {"status": "error", "msg": "Tweet not found"}},
        {"mode": "status", "status": 200, "body": {"status": "success", "replies": None}},
        {"mode": "garbage"},
        {"mode": "disconnect"},
    ],
)
def test_a_post_is_kept_when_its_replies_fail(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector, fault: dict[str, Any]
) -> None:
    stand_ins.add_post(id="101", comments=COMMENTS)
    stand_ins.fault("twitterapi", path=REPLIES, **fault)

    assert comments_of(scraper) == []
    assert [call.error_category is None for call in calls.drain()] == [True, False]


def test_a_post_whose_replies_never_come_is_kept_without_them(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    stand_ins.add_post(id="101", comments=COMMENTS)
    stand_ins.fault("twitterapi", "timeout", path=REPLIES)

    assert comments_of(TwitterApiScraper("stand-in", calls=calls, timeout_s=3.0, prices=PRICES)) == []
    assert [call.error_category is None for call in calls.drain()] == [True, False]


def test_a_failure_of_replies_ends_the_calls_for_replies(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector
) -> None:
    for post_id in ("101", "102"):
        stand_ins.add_post(id=post_id, comments=COMMENTS)
    stand_ins.fault("twitterapi", "status", path=REPLIES, status=429)

    scraper.fetch_posts(asks_for("101", "102"))

    assert len(calls.drain()) == 2


def test_only_so_many_posts_of_a_request_get_their_replies(
    stand_ins: StandInsClient, scraper: TwitterApiScraper, calls: CallCollector
) -> None:
    ids = [str(number) for number in range(101, 101 + MOST_POSTS_WITH_REPLIES + 1)]
    for post_id in ids:
        stand_ins.add_post(id=post_id, comments=COMMENTS)

    outcomes = scraper.fetch_posts(asks_for(*ids))

    told = [len(post.comments) for post in outcomes.values() if isinstance(post, ScrapedPost)]
    assert told == [2] * MOST_POSTS_WITH_REPLIES + [0]


def test_pages_of_the_stand_in_overlap_and_end_with_an_empty_one(stand_ins: StandInsClient) -> None:
    stand_ins.add_post(id="101", comments=[{"text": str(number)} for number in range(25)])

    def page(cursor: str) -> dict[str, Any]:
        params = {"tweetId": "101", "cursor": cursor}
        answer: dict[str, Any] = stand_ins.http.get(
            f"/twitterapi{REPLIES}", params=params, headers={"X-API-Key": "any"}
        ).json()
        return answer

    first = page("")
    second = page(first["next_cursor"])

    assert (len(first["tweets"]), len(second["tweets"])) == (20, 6)
    assert first["tweets"][-1]["id"] == second["tweets"][0]["id"]
    assert (second["has_next_page"], page("25")["tweets"]) == (True, [])
