from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, PostKind
from whyviral.integrations.twitterapi.creator_posts import TwitterApiCreatorPosts
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def lister(local_endpoints: Endpoints, calls: CallCollector) -> TwitterApiCreatorPosts:
    return TwitterApiCreatorPosts("stand-in", calls=calls, prices=PRICES)


def listed(lister: TwitterApiCreatorPosts, creator: Creator) -> CreatorListing:
    return lister.list_posts(creator, PostKind.POST, job=None, timeout_s=WAIT_S)


def failure_of(lister: TwitterApiCreatorPosts, handle: str = "kite") -> ErrorCategory:
    with pytest.raises(ProviderError) as failure:
        listed(lister, lister.resolve(handle, timeout_s=WAIT_S))
    return failure.value.category


def test_the_posts_of_an_account_are_listed_once_without_its_reposts(
    stand_ins: StandInsClient, lister: TwitterApiCreatorPosts
) -> None:
    ids = stand_ins.control("creators", {"platform": "x", "username": "kite", "posts": 40})["posts"]

    listing = listed(lister, lister.resolve("Kite", timeout_s=WAIT_S))

    assert [post.post_id for post in listing.posts if not post.is_pinned] == ids[: len(listing.posts) - 1]
    assert len(listing.posts) >= 31
    assert [post.post_id for post in listing.posts if post.is_pinned] == [ids[-1]]
    assert {post.kind for post in listing.posts} == {PostKind.POST}
    assert all(post.views and post.likes is not None and post.posted_at for post in listing.posts)


def test_a_list_costs_less_than_a_cent_and_every_call_is_recorded(
    stand_ins: StandInsClient, lister: TwitterApiCreatorPosts, calls: CallCollector
) -> None:
    stand_ins.control("creators", {"platform": "x", "username": "kite", "posts": 60})
    creator = lister.resolve("kite", timeout_s=WAIT_S)
    calls.drain()

    listed(lister, creator)

    made = calls.drain()
    assert len(made) == len(stand_ins.calls("twitterapi")) - 1 == 2
    assert sum(call.cost_usd or 0 for call in made) <= Decimal("0.01")


def test_the_list_agrees_with_the_post_itself(stand_ins: StandInsClient, lister: TwitterApiCreatorPosts) -> None:
    stand_ins.control("creators", {"platform": "x", "username": "kite"})

    first = listed(lister, Creator(handle="kite")).posts[0]

    answer = stand_ins.http.get(
        "/twitterapi/twitter/tweets", params={"tweet_ids": first.post_id}, headers={"X-API-Key": "stand-in"}
    )
    (tweet,) = answer.json()["tweets"]
    assert (tweet["viewCount"], tweet["likeCount"]) == (first.views, first.likes)


@pytest.mark.parametrize(
    ("creator", "category"),
    [
        ({"is_private": True}, ErrorCategory.PRIVATE),
        ({"is_gone": True}, ErrorCategory.REMOVED),
        (None, ErrorCategory.NOT_FOUND),
    ],
    ids=["protected", "suspended", "unknown"],
)
def test_an_account_that_cannot_be_listed_has_a_reason(
    stand_ins: StandInsClient,
    lister: TwitterApiCreatorPosts,
    creator: dict[str, Any] | None,
    category: ErrorCategory,
) -> None:
    if creator is not None:
        stand_ins.control("creators", {"platform": "x", "username": "kite", **creator})

    assert failure_of(lister) == category


def test_an_account_without_posts_has_an_empty_list(stand_ins: StandInsClient, lister: TwitterApiCreatorPosts) -> None:
    stand_ins.control("creators", {"platform": "x", "username": "kite", "posts": 0})

    assert listed(lister, lister.resolve("kite", timeout_s=WAIT_S)).posts == ()


def test_a_page_that_fails_after_the_first_ends_the_list(
    stand_ins: StandInsClient, lister: TwitterApiCreatorPosts
) -> None:
    stand_ins.control("creators", {"platform": "x", "username": "kite", "posts": 40})
    stand_ins.fault("twitterapi", "status", status=503, after=1, times=1)

    assert len(listed(lister, Creator(handle="kite")).posts) == 21


@pytest.mark.parametrize(
    ("mode", "fields", "category"),
    [
        ("status", {"status": 429}, ErrorCategory.RATE_LIMIT),
        ("status", {"status": 402}, ErrorCategory.AUTH),
        ("status", {"status": 500}, ErrorCategory.PROVIDER_ERROR),
        ("garbage", {}, ErrorCategory.PROVIDER_ERROR),
        ("disconnect", {}, ErrorCategory.PROVIDER_ERROR),
    ],
    ids=["throttled", "out of credit", "broken", "garbage", "dropped"],
)
def test_a_source_that_fails_gives_no_list(
    stand_ins: StandInsClient,
    lister: TwitterApiCreatorPosts,
    mode: str,
    fields: dict[str, Any],
    category: ErrorCategory,
) -> None:
    stand_ins.control("creators", {"platform": "x", "username": "kite"})
    stand_ins.fault("twitterapi", mode, **fields)

    with pytest.raises(ProviderError) as failure:
        listed(lister, Creator(handle="kite"))

    assert failure.value.category == category
