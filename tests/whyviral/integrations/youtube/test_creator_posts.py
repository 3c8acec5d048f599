"""The videos of channels through the real yt-dlp and the real client of the Data API."""

import pytest

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, PostKind
from whyviral.integrations.youtube.creator_posts import YouTubeCreatorPosts
from whyviral.vendor_calls.calls import CallCollector

WITH_AND_WITHOUT_KEY = pytest.mark.parametrize("key", [None, "stand-in"], ids=["yt-dlp", "Data API"])


def lister_of(key: str | None, calls: CallCollector | None = None) -> YouTubeCreatorPosts:
    return YouTubeCreatorPosts(calls=calls or CallCollector(), data_api_key=key)


def listed(lister: YouTubeCreatorPosts, kind: PostKind, handle: str = "kites") -> CreatorListing:
    return lister.list_posts(lister.resolve(handle, timeout_s=WAIT_S), kind, job=None, timeout_s=WAIT_S)


@WITH_AND_WITHOUT_KEY
@pytest.mark.parametrize(("kind", "parity"), [(PostKind.LONG, 0), (PostKind.SHORT, 1)])
def test_a_channel_lists_its_videos_of_one_kind(
    stand_ins: StandInsClient, local_endpoints: Endpoints, key: str | None, kind: PostKind, parity: int
) -> None:
    ids = stand_ins.control("creators", {"platform": "youtube", "username": "Kites", "posts": 40})["posts"]

    listing = listed(lister_of(key), kind)

    assert [post.post_id for post in listing.posts] == ids[parity::2]
    assert {post.kind for post in listing.posts} == {kind}
    assert all(post.views for post in listing.posts)
    assert listing.has_exact_times == (key is not None)


def test_the_data_api_gives_exact_counts_and_times(stand_ins: StandInsClient, local_endpoints: Endpoints) -> None:
    stand_ins.control("creators", {"platform": "youtube", "username": "Kites"})

    exact = {post.post_id: post for post in listed(lister_of("stand-in"), PostKind.LONG).posts}
    rounded = {post.post_id: post for post in listed(lister_of(None), PostKind.LONG).posts}

    assert exact.keys() == rounded.keys()
    for post_id, post in exact.items():
        assert post.likes is not None
        assert post.posted_at is not None
        assert rounded[post_id].views == pytest.approx(post.views, rel=0.01)
        assert rounded[post_id].likes is None


def test_shorts_of_a_tab_have_no_times(stand_ins: StandInsClient, local_endpoints: Endpoints) -> None:
    stand_ins.control("creators", {"platform": "youtube", "username": "Kites"})

    assert {post.posted_at for post in listed(lister_of(None), PostKind.SHORT).posts} == {None}


@WITH_AND_WITHOUT_KEY
def test_an_unknown_channel_is_not_found(local_endpoints: Endpoints, key: str | None) -> None:
    with pytest.raises(ProviderError) as failure:
        listed(lister_of(key), PostKind.LONG, "nothing_here")

    assert failure.value.category == ErrorCategory.NOT_FOUND


@WITH_AND_WITHOUT_KEY
def test_a_channel_without_videos_of_a_kind_has_an_empty_list(
    stand_ins: StandInsClient, local_endpoints: Endpoints, key: str | None
) -> None:
    stand_ins.control("creators", {"platform": "youtube", "username": "Kites", "posts": 1})

    assert list(listed(lister_of(key), PostKind.SHORT).posts) == []


def test_every_call_is_recorded_and_free(stand_ins: StandInsClient, local_endpoints: Endpoints) -> None:
    stand_ins.control("creators", {"platform": "youtube", "username": "Kites"})
    for key, operations in (
        (None, ["yt-dlp tab", "yt-dlp tab"]),
        ("stand-in", ["GET /channels", "GET /playlistItems", "GET /videos"]),
    ):
        calls = CallCollector()

        listed(lister_of(key, calls), PostKind.LONG)

        made = calls.drain()
        assert [call.operation for call in made] == operations
        assert sum(call.cost_usd or 0 for call in made) == 0


@WITH_AND_WITHOUT_KEY
def test_a_source_that_fails_gives_no_list(
    stand_ins: StandInsClient, local_endpoints: Endpoints, key: str | None
) -> None:
    stand_ins.control("creators", {"platform": "youtube", "username": "Kites"})
    lister = lister_of(key)
    creator = lister.resolve("kites", timeout_s=WAIT_S)
    stand_ins.fault("youtube", "status", status=429)

    with pytest.raises(ProviderError) as failure:
        lister.list_posts(creator, PostKind.LONG, job=None, timeout_s=WAIT_S)

    assert failure.value.category == ErrorCategory.RATE_LIMIT


@pytest.mark.parametrize("channel", ["UC/../../watch", "https://example.com/UCaaaaaaaaaaaaaaaaaaaaaa", "", None])
def test_an_id_that_no_channel_has_reaches_no_address(
    stand_ins: StandInsClient, local_endpoints: Endpoints, channel: str | None
) -> None:
    with pytest.raises(ProviderError):
        lister_of(None).list_posts(Creator(id=channel), PostKind.LONG, job=None, timeout_s=WAIT_S)

    assert stand_ins.calls("youtube") == []
