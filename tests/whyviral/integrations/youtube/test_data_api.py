from typing import Any

import pytest

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from tests.fixtures.youtube import GOOD_ID, add_video
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.youtube.data_api import YouTubeDataApi
from whyviral.integrations.youtube.data_items import read_channel, read_comments, read_item
from whyviral.vendor_calls.calls import CallCollector


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def api(local_endpoints: Endpoints, calls: CallCollector) -> YouTubeDataApi:
    return YouTubeDataApi("a-key", calls=calls, timeout_s=WAIT_S)


def reason(word: str) -> dict[str, Any]:
    return {"error": {"code": 403, "message": "No.", "errors": [{"domain": "youtube", "reason": word}]}}


@pytest.mark.parametrize(
    ("status", "body", "category", "is_transient"),
    [
        (403, reason("quotaExceeded"), ErrorCategory.RATE_LIMIT, True),
        (403, reason("dailyLimitExceeded"), ErrorCategory.RATE_LIMIT, True),
        (403, reason("rateLimitExceeded"), ErrorCategory.RATE_LIMIT, True),
        (429, None, ErrorCategory.RATE_LIMIT, True),
        (400, reason("keyInvalid"), ErrorCategory.AUTH, False),
        (403, reason("accessNotConfigured"), ErrorCategory.AUTH, False),
        (403, reason("ipRefererBlocked"), ErrorCategory.AUTH, False),
        (403, reason("forbidden"), ErrorCategory.AUTH, False),
        (401, None, ErrorCategory.AUTH, False),
        (400, reason("invalidFilters"), ErrorCategory.PROVIDER_ERROR, False),
        (500, reason("backendError"), ErrorCategory.PROVIDER_ERROR, True),
        (503, "down", ErrorCategory.PROVIDER_ERROR, True),
        (200, {"items": "none"}, ErrorCategory.PROVIDER_ERROR, True),
        (200, [], ErrorCategory.PROVIDER_ERROR, True),
    ],
)
def test_each_refusal_has_its_category(
    stand_ins: StandInsClient,
    api: YouTubeDataApi,
    calls: CallCollector,
    status: int,
    body: Any,
    category: ErrorCategory,
    is_transient: bool,
) -> None:
    fields = {} if body is None else {"body": body}
    stand_ins.fault("youtube", "status", path="/data/v3/videos", status=status, **fields)

    with pytest.raises(ProviderError) as caught:
        api.list_videos([GOOD_ID])

    assert (caught.value.category, caught.value.is_transient, caught.value.status) == (category, is_transient, status)
    assert "a-key" not in repr(caught.value)
    assert [(call.operation, call.status, call.error_category) for call in calls.drain()] == [
        ("GET /videos", status, category)
    ]


@pytest.mark.parametrize(
    ("mode", "timeout_s", "category"),
    [("timeout", 0.5, ErrorCategory.TIMEOUT), ("disconnect", WAIT_S, ErrorCategory.PROVIDER_ERROR)],
)
def test_an_answer_that_does_not_come_may_come_later(
    stand_ins: StandInsClient,
    local_endpoints: Endpoints,
    calls: CallCollector,
    mode: str,
    timeout_s: float,
    category: ErrorCategory,
) -> None:
    stand_ins.fault("youtube", mode, path="/data/v3/videos")

    with pytest.raises(ProviderError) as caught:
        YouTubeDataApi("a-key", calls=calls, timeout_s=timeout_s).list_videos([GOOD_ID])

    assert (caught.value.category, caught.value.is_transient) == (category, True)


def test_an_unknown_key_is_an_auth_error(local_endpoints: Endpoints, calls: CallCollector) -> None:
    with pytest.raises(ProviderError) as caught:
        YouTubeDataApi("bad-key", calls=calls).list_videos([GOOD_ID])

    assert caught.value.category is ErrorCategory.AUTH
    assert "does not know our key" in caught.value.message


@pytest.mark.parametrize("key", ["", "with blank", "with\nline"])
def test_a_key_that_cannot_be_one_is_named_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match=r"^YOUTUBE_API_KEY is empty or holds characters that no key has$"):
        YouTubeDataApi(key, calls=CallCollector())


def test_more_than_fifty_videos_take_a_second_call(
    stand_ins: StandInsClient, api: YouTubeDataApi, calls: CallCollector
) -> None:
    add_video(stand_ins)
    ids = [f"video-{number:05}" for number in range(50)]

    found = api.list_videos([*ids, GOOD_ID, GOOD_ID])

    assert list(found) == [GOOD_ID]
    assert len(calls.drain()) == 2


def test_comments_of_a_video_that_has_them_turned_off_are_none(stand_ins: StandInsClient, api: YouTubeDataApi) -> None:
    add_video(stand_ins, raw={"are_comments_disabled": True})

    assert api.list_comments(GOOD_ID) == []
    assert api.list_comments("missing-001") == []


def test_twenty_comments_are_taken(stand_ins: StandInsClient, api: YouTubeDataApi) -> None:
    add_video(stand_ins, comments=[{"text": f"Comment {number}", "author": "reader"} for number in range(25)])

    comments = api.list_comments(GOOD_ID)

    assert [comment.text for comment in comments] == [f"Comment {number}" for number in range(20)]
    assert comments[0].author == "reader"


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("PT1M3S", 63), ("PT2H", 7200), ("P1DT1S", 86401), ("P0D", None), ("soon", None), (None, None), (63, None)],
)
def test_a_length_is_read_from_its_letters(duration: Any, seconds: int | None) -> None:
    info = read_item({"contentDetails": {"duration": duration}})

    assert isinstance(info, dict)
    assert info.get("duration") == seconds


def test_counts_are_written_as_strings_and_hidden_ones_are_absent() -> None:
    statistics = {"viewCount": "12", "likeCount": "many", "favoriteCount": "0"}

    assert read_item({"statistics": statistics}) == {"view_count": 12}
    assert read_channel({"statistics": {"subscriberCount": "5", "hiddenSubscriberCount": True}}) == {}
    assert read_channel({"statistics": {"subscriberCount": "5"}, "snippet": {"customUrl": "@kites"}}) == {
        "uploader_id": "@kites",
        "channel_follower_count": 5,
    }


def test_an_age_restricted_video_is_refused_before_yt_dlp_runs() -> None:
    refusal = read_item({"contentDetails": {"contentRating": {"ytRating": "ytAgeRestricted"}}})

    assert isinstance(refusal, ProviderError)
    assert (refusal.category, refusal.message) == (
        ErrorCategory.UNSUPPORTED,
        "YouTube shows this video to signed-in adults only.",
    )


@pytest.mark.parametrize(
    "item", [{}, {"snippet": 1}, {"snippet": {"topLevelComment": {"snippet": {"textDisplay": " "}}}}]
)
def test_a_comment_without_text_is_left_out(item: dict[str, Any]) -> None:
    assert read_comments([item]) == []
