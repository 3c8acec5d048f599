from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S, wait_until
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.instagram.creator_posts import MAX_REELS, InstagramCreatorPosts
from whyviral.integrations.instagram.ids import media_id_of, shortcode_of
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, ListingPending, PostKind
from whyviral.integrations.ports.post_scraper import ScrapeJob
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

KITE = Creator(handle="kite")


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


def lister_of(calls: CallCollector, *, discovers_reels: bool = False) -> InstagramCreatorPosts:
    return InstagramCreatorPosts("stand-in", calls=calls, discovers_reels=discovers_reels, prices=PRICES)


def listed(lister: InstagramCreatorPosts, kind: PostKind) -> CreatorListing:
    started = lister.list_posts(KITE, kind, job=None, timeout_s=WAIT_S)
    assert isinstance(started, ListingPending)

    def ended() -> CreatorListing | None:
        found = lister.list_posts(KITE, kind, job=started.job, timeout_s=WAIT_S)
        return found if isinstance(found, CreatorListing) else None

    listing = wait_until(ended, every_s=0.05)
    assert listing is not None
    return listing


@pytest.fixture
def quick_jobs(stand_ins: StandInsClient, local_endpoints: Endpoints) -> StandInsClient:
    stand_ins.control("brightdata", {"delay_s": 0})
    return stand_ins


def test_a_profile_lists_the_likes_of_its_newest_posts_for_one_record(
    quick_jobs: StandInsClient, calls: CallCollector
) -> None:
    ids = quick_jobs.control("creators", {"platform": "instagram", "username": "Kite"})["posts"]

    listing = listed(lister_of(calls), PostKind.REEL)

    assert [post.post_id for post in listing.posts] == ids[:12]
    assert {post.kind for post in listing.posts} == {PostKind.REEL, PostKind.PHOTO}
    assert all(post.likes is not None and post.views is None and post.posted_at for post in listing.posts)
    assert sum(call.cost_usd or 0 for call in calls.drain()) == Decimal("0.0015")


def test_a_discovery_lists_the_views_of_reels_and_is_limited(quick_jobs: StandInsClient, calls: CallCollector) -> None:
    quick_jobs.control("creators", {"platform": "instagram", "username": "kite", "posts": 60})

    listing = listed(lister_of(calls, discovers_reels=True), PostKind.REEL)

    assert {post.kind for post in listing.posts} == {PostKind.REEL}
    assert all(post.views for post in listing.posts)
    assert len(listing.posts) == 30 <= MAX_REELS
    assert sum(call.cost_usd or 0 for call in calls.drain()) == Decimal("0.0015") * 30


@pytest.mark.parametrize(
    ("creator", "category"),
    [
        ({"is_private": True}, ErrorCategory.PRIVATE),
        ({"is_gone": True}, ErrorCategory.NOT_FOUND),
        (None, ErrorCategory.NOT_FOUND),
    ],
    ids=["private", "gone", "unknown"],
)
def test_an_account_that_cannot_be_listed_has_a_reason(
    quick_jobs: StandInsClient, calls: CallCollector, creator: dict[str, Any] | None, category: ErrorCategory
) -> None:
    if creator is not None:
        quick_jobs.control("creators", {"platform": "instagram", "username": "kite", **creator})

    with pytest.raises(ProviderError) as failure:
        listed(lister_of(calls), PostKind.PHOTO)

    assert failure.value.category == category


def test_an_account_without_posts_has_an_empty_list(quick_jobs: StandInsClient, calls: CallCollector) -> None:
    quick_jobs.control("creators", {"platform": "instagram", "username": "kite", "posts": 0})

    assert list(listed(lister_of(calls), PostKind.PHOTO).posts) == []


def test_a_running_job_is_polled_and_not_started_again(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    stand_ins.control("brightdata", {"delay_s": 3600})
    lister = lister_of(calls)
    started = lister.list_posts(KITE, PostKind.PHOTO, job=None, timeout_s=WAIT_S)
    assert isinstance(started, ListingPending)

    polled = lister.list_posts(KITE, PostKind.PHOTO, job=started.job, timeout_s=WAIT_S)

    assert isinstance(polled, ListingPending)
    assert polled.job == started.job
    assert [call["path"] for call in stand_ins.calls("brightdata")].count("/datasets/v3/trigger") == 1


def test_a_lost_job_is_started_once_more_and_no_further(quick_jobs: StandInsClient, calls: CallCollector) -> None:
    lister = lister_of(calls)

    again = lister.list_posts(KITE, PostKind.PHOTO, job=ScrapeJob("sd_lost", "profile"), timeout_s=WAIT_S)

    assert isinstance(again, ListingPending)
    assert again.job.number == 2
    with pytest.raises(ProviderError):
        lister.list_posts(KITE, PostKind.PHOTO, job=ScrapeJob("sd_lost", "profile", 2), timeout_s=WAIT_S)


@pytest.mark.parametrize("code", ["DTq8Yc2kR1A", "B", "H______1234"])
def test_a_number_and_its_shortcode_name_the_same_post(code: str) -> None:
    number = media_id_of(code)

    assert number is not None
    assert shortcode_of(number) == code.lstrip("A")


def test_no_post_has_a_number_outside_of_63_bits() -> None:
    assert [shortcode_of(number) for number in (0, -1, 2**63)] == [None, None, None]
