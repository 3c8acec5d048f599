"""Videos through the real yt-dlp and the real client of the Data API."""

import logging
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.post_scraper import asks_for
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.youtube import BAD_ID, GOOD_ID, add_video, refuse_video
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.post_scraper import (
    MediaKind,
    PostAsk,
    ScrapedAuthor,
    ScrapedComment,
    ScrapedMedia,
    ScrapedPost,
    ScrapeFailure,
)
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript, TranscriptSource
from whyviral.integrations.youtube.scraper import YouTubeScraper
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

BOT_CHECK = {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you\u2019re not a bot"}
WORDS = [{"start_s": 1, "end_s": 2, "text": "red kites"}]
FULL: dict[str, Any] = {
    "username": "Invented Kites",
    "text": "How a kite flies\n\nWith wind.\nAnd a line.",
    "posted_at": "2026-09-28T09:00:00Z",
    "metrics": {"likes": 48213, "comments": 2, "views": 1_000_000},
    "captions": {"language": "en", "automatic": True, "segments": WORDS},
    "comments": [
        {"text": "Lovely.", "author": "reader", "likes": 3, "posted_at": "2026-09-29T10:00:00Z"},
        {"text": "Higher!", "author": "other", "likes": 0, "posted_at": "2026-09-29T11:00:00Z"},
    ],
    "raw": {
        "duration_s": 130,
        "handle": "@kites",
        "followers": 1_200_000,
        "is_verified": True,
        "tags": ["kite", "wind"],
        "category": "Howto & Style",
        "category_id": "26",
        "speech_language": "en",
        "heatmap": [{"start_s": 0, "end_s": 1.3, "value": 1}, {"start_s": 1.3, "end_s": 2.6, "value": 0.25}],
        "chapters": [{"start_s": 0, "title": "Wind"}, {"start_s": 60, "title": "Line"}],
    },
}
CAPTIONS = Transcript(
    segments=(SpokenSegment(1, 3.5, "red kites", (SpokenWord(1, 1.5, "red"), SpokenWord(1.5, 3.5, "kites"))),),
    source=TranscriptSource.AUTOMATIC_CAPTIONS,
    language="en",
)


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def scraper(local_endpoints: Endpoints, calls: CallCollector) -> YouTubeScraper:
    return YouTubeScraper(calls=calls, prices=PRICES)


@pytest.fixture
def keyed(local_endpoints: Endpoints, calls: CallCollector) -> YouTubeScraper:
    return YouTubeScraper(calls=calls, data_api_key="a-key", prices=PRICES)


def post_of(scraper: YouTubeScraper, video_id: str = GOOD_ID) -> ScrapedPost:
    post = scraper.fetch_posts(asks_for(video_id))[video_id]
    assert isinstance(post, ScrapedPost)
    return post


def operations(calls: CallCollector) -> list[tuple[str, int | None, str | None]]:
    return [(call.operation, call.status, call.error_category) for call in calls.drain()]


def test_a_video_comes_with_everything_that_youtube_shows(
    stand_ins: StandInsClient, scraper: YouTubeScraper, calls: CallCollector
) -> None:
    add_video(stand_ins, **FULL)

    post = post_of(scraper)

    raw = post.raw
    assert post == ScrapedPost(
        platform_post_id=GOOD_ID,
        url=f"https://www.youtube.com/watch?v={GOOD_ID}",
        author=ScrapedAuthor(username="kites", display_name="Invented Kites", followers=1_200_000, is_verified=True),
        text="How a kite flies\n\nWith wind.\nAnd a line.",
        posted_at=datetime(2026, 9, 28, 9, tzinfo=UTC),
        metrics={"likes": 48213, "comments": 2, "views": 1_000_000},
        language="en",
        media=[
            ScrapedMedia(
                MediaKind.VIDEO,
                f"https://www.youtube.com/watch?v={GOOD_ID}",
                duration_s=130,
                is_page=True,
                transcript=CAPTIONS,
            ),
            ScrapedMedia(MediaKind.THUMBNAIL, f"https://i.ytimg.com/vi/{GOOD_ID}/hqdefault.jpg"),
        ],
        details={
            "title": "How a kite flies",
            "tags": ["kite", "wind"],
            "category": "Howto & Style",
            "is_short": False,
            "most_replayed": [
                {"start_s": 0, "end_s": 1.3, "value": 1},
                {"start_s": 1.3, "end_s": 2.6, "value": 0.25},
            ],
            "chapters": [
                {"start_s": 0, "end_s": 60, "title": "Wind"},
                {"start_s": 60, "end_s": 130, "title": "Line"},
            ],
        },
        raw=raw,
    )
    assert raw["sources"] == ["yt_dlp"]
    assert "googlevideo" not in str(raw)  # addresses that are signed for us
    recorded = calls.drain()
    assert [(call.operation, call.status, call.error_category) for call in recorded] == [
        ("yt-dlp video", 200, None),
        ("yt-dlp captions", 200, None),
    ]
    assert {(call.provider, call.cost_usd, call.is_stand_in) for call in recorded} == {("youtube", Decimal(0), True)}
    assert [call["path"] for call in stand_ins.calls("youtube")] == [
        "/www/watch",
        "/www/youtubei/v1/player",
        "/www/api/timedtext",
    ]


def test_hidden_numbers_are_absent_and_not_zero(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    add_video(stand_ins, metrics={"likes": None, "comments": None, "views": 7}, raw={"followers": None})

    post = post_of(scraper)

    assert post.metrics == {"views": 7}
    assert post.author.followers is None


@pytest.mark.parametrize("captions", [None, {"language": "en", "automatic": True, "segments": []}])
def test_a_video_without_captions_has_no_transcript(
    stand_ins: StandInsClient, scraper: YouTubeScraper, captions: dict[str, Any] | None
) -> None:
    add_video(stand_ins, captions=captions)

    assert post_of(scraper).media[0].transcript is None


@pytest.mark.parametrize("fault", [{"mode": "status", "status": 429}, {"mode": "garbage"}, {"mode": "disconnect"}])
def test_a_post_without_loadable_captions_has_no_transcript(
    stand_ins: StandInsClient, scraper: YouTubeScraper, calls: CallCollector, fault: dict[str, Any]
) -> None:
    add_video(stand_ins, **FULL)
    add_video(stand_ins, BAD_ID, **FULL)
    stand_ins.fault("youtube", path="/www/api/timedtext", times=1, **fault)

    outcomes = scraper.fetch_posts(asks_for(BAD_ID, GOOD_ID))

    transcripts = [post.media[0].transcript for post in outcomes.values() if isinstance(post, ScrapedPost)]
    assert transcripts == [None, CAPTIONS]
    assert [category is None for _, _, category in operations(calls)] == [True, False, True, True]


def test_a_short_is_recognised_by_flag_length_and_shape(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    clip = {"kind": "video", "filename": "clip.mp4", "file_base64": "AAAA"}
    add_video(stand_ins, "upright-001", media=[clip], raw={"is_short": True, "duration_s": 180})
    add_video(stand_ins, "toolong-001", media=[clip], raw={"is_short": True, "duration_s": 181})
    add_video(stand_ins, "flat-video1", media=[clip], raw={"is_short": True, "duration_s": 9, "height": 600})
    add_video(stand_ins, "plain-video", media=[clip], raw={"duration_s": 9, "height": 600})
    add_video(stand_ins, "pastedshort", media=[clip], raw={"duration_s": 9, "height": 1920})
    names = ["upright-001", "toolong-001", "flat-video1", "plain-video"]

    outcomes = scraper.fetch_posts([*asks_for(*names), PostAsk("pastedshort", path_word="shorts")])

    shorts = {name: post.details["is_short"] for name, post in outcomes.items() if isinstance(post, ScrapedPost)}
    assert shorts == {
        "upright-001": True,
        "toolong-001": False,
        "flat-video1": False,
        "plain-video": False,
        "pastedshort": True,
    }


def test_with_a_key_numbers_come_from_the_data_api_and_the_rest_from_yt_dlp(
    stand_ins: StandInsClient, keyed: YouTubeScraper, calls: CallCollector
) -> None:
    exact = {"statistics": {"viewCount": "1000001", "likeCount": "48214", "commentCount": "3"}}
    add_video(stand_ins, **FULL | {"raw": FULL["raw"] | {"data_api": exact}})

    post = post_of(keyed)

    assert post.metrics == {"likes": 48214, "comments": 3, "views": 1000001}
    assert post.media[0].transcript == CAPTIONS
    assert post.details["most_replayed"] != []
    assert post.details["category"] == "Howto & Style"
    assert post.comments == [
        ScrapedComment("Lovely.", "reader", 3, datetime(2026, 9, 29, 10, tzinfo=UTC)),
        ScrapedComment("Higher!", "other", 0, datetime(2026, 9, 29, 11, tzinfo=UTC)),
    ]
    assert post.raw["sources"] == ["data_api", "yt_dlp"]
    assert operations(calls) == [
        ("GET /videos", 200, None),
        ("yt-dlp video", 200, None),
        ("yt-dlp captions", 200, None),
        ("GET /commentThreads", 200, None),
    ]


def test_with_a_key_a_blocked_address_still_gets_the_numbers(
    stand_ins: StandInsClient, keyed: YouTubeScraper, calls: CallCollector
) -> None:
    add_video(stand_ins, **FULL | {"raw": FULL["raw"] | {"playability": BOT_CHECK}})
    add_video(stand_ins, BAD_ID, username="Somebody else")

    outcomes = keyed.fetch_posts(asks_for(GOOD_ID, BAD_ID))

    post = outcomes[GOOD_ID]
    assert isinstance(post, ScrapedPost)
    assert post.metrics == {"likes": 48213, "comments": 2, "views": 1_000_000}
    assert post.author == ScrapedAuthor("kites", "Invented Kites", 1_200_000)
    assert (post.text, post.posted_at) == (
        "How a kite flies\n\nWith wind.\nAnd a line.",
        datetime(2026, 9, 28, 9, tzinfo=UTC),
    )
    assert post.media[0] == ScrapedMedia(MediaKind.VIDEO, post.url, duration_s=130, is_page=True)
    assert post.raw["sources"] == ["data_api"]
    assert isinstance(outcomes[BAD_ID], ScrapedPost)
    assert [name for name, _, _ in operations(calls)].count(
        "yt-dlp video"
    ) == 1  # YouTube is left alone once it says no


def test_one_data_api_call_serves_many_videos_and_a_missing_item_is_not_found(
    stand_ins: StandInsClient, keyed: YouTubeScraper, calls: CallCollector
) -> None:
    add_video(stand_ins)

    outcomes = keyed.fetch_posts(asks_for(GOOD_ID, "missing-001"))

    assert isinstance(outcomes[GOOD_ID], ScrapedPost)
    missing = outcomes["missing-001"]
    assert isinstance(missing, ScrapeFailure)
    assert missing.category is ErrorCategory.NOT_FOUND
    names = [name for name, _, _ in operations(calls)]
    assert (names.count("GET /videos"), names.count("yt-dlp video")) == (1, 1)


def test_without_quota_yt_dlp_supplies_everything(
    stand_ins: StandInsClient, keyed: YouTubeScraper, calls: CallCollector
) -> None:
    add_video(stand_ins, **FULL)
    body = {"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}}
    stand_ins.fault("youtube", "status", path="/data/v3/videos", status=403, body=body)

    post = post_of(keyed)

    assert post.metrics == {"likes": 48213, "comments": 2, "views": 1_000_000}
    assert post.raw["sources"] == ["yt_dlp"]
    assert operations(calls)[0] == ("GET /videos", 403, ErrorCategory.RATE_LIMIT)


def test_a_key_that_does_not_work_is_not_worked_around(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    add_video(stand_ins)
    scraper = YouTubeScraper(calls=calls, data_api_key="bad-key", prices=PRICES)

    with pytest.raises(ProviderError) as caught:
        scraper.fetch_posts(asks_for(GOOD_ID))

    assert (caught.value.category, caught.value.is_transient) == (ErrorCategory.AUTH, False)


def test_comments_that_are_turned_off_are_none(stand_ins: StandInsClient, keyed: YouTubeScraper) -> None:
    add_video(stand_ins, raw={"are_comments_disabled": True, "data_api": {"statistics": {"commentCount": "2"}}})

    post = post_of(keyed)

    assert post.comments == []


def test_a_video_is_kept_when_its_comments_fail(stand_ins: StandInsClient, keyed: YouTubeScraper) -> None:
    add_video(stand_ins, **FULL)
    stand_ins.fault("youtube", "status", path="/data/v3/commentThreads", status=500)

    assert list(post_of(keyed).comments) == []


def test_a_video_that_only_yt_dlp_refuses_is_refused(stand_ins: StandInsClient, keyed: YouTubeScraper) -> None:
    refuse_video(stand_ins, status="UNPLAYABLE", reason="This video requires payment to watch")

    failure = keyed.fetch_posts(asks_for(BAD_ID))[BAD_ID]

    assert isinstance(failure, ScrapeFailure)
    assert failure.category is ErrorCategory.UNSUPPORTED


def test_nothing_asked_is_nothing_called(keyed: YouTubeScraper, calls: CallCollector) -> None:
    assert keyed.fetch_posts([]) == {}
    assert calls.drain() == []


def test_no_secret_is_written_to_a_log(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    add_video(stand_ins, **FULL)
    scraper = YouTubeScraper(
        calls=calls, data_api_key="sesame-open", proxy_url="http://me:sesame@proxy.invalid:1", prices=PRICES
    )

    scraper.fetch_posts(asks_for(GOOD_ID))

    assert "sesame" not in caplog.text
    assert "sesame" not in str(calls.drain())


@pytest.mark.parametrize("proxy_url", ["proxy:3128", "http://a b:1", "ftp://secret@proxy:1", "http://\u00e4:1"])
def test_a_proxy_that_cannot_be_one_is_named_and_not_shown(proxy_url: str) -> None:
    with pytest.raises(ValueError, match="YOUTUBE_PROXY_URL") as caught:
        YouTubeScraper(calls=CallCollector(), proxy_url=proxy_url, prices=PRICES)

    assert proxy_url not in str(caught.value)


def test_a_self_signed_certificate_is_accepted_from_the_stand_in_only(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    add_video(stand_ins)
    endpoints.use(Endpoints())
    scraper = YouTubeScraper(calls=calls, proxy_url=stand_ins.youtube_proxy_url, prices=PRICES)

    with pytest.raises(ProviderError) as caught:
        scraper.fetch_posts(asks_for(GOOD_ID))

    assert caught.value.category is ErrorCategory.PROVIDER_ERROR
    assert stand_ins.calls("youtube") == []


def test_yt_dlp_is_loaded_for_the_first_video_only() -> None:
    modules = "whyviral.integrations.youtube.scraper, whyviral.integrations.youtube.audio"
    program = f"import sys, {modules}; print('yt_dlp' in sys.modules)"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "False"


MANIFEST = "https://manifest.googlevideo.com/api/manifest/{}/x/file/index.m3u8"
SOUND = {
    "itag": 140,
    "mimeType": 'audio/mp4; codecs="mp4a.40.2"',
    "url": "https://rr1---sn-a.googlevideo.com/videoplayback",
}


@pytest.mark.parametrize("name", ["hlsManifestUrl", "dashManifestUrl"])
@pytest.mark.parametrize("formats", [[SOUND], []], ids=["beside files", "alone"])
@pytest.mark.parametrize("body", ["#EXTM3U\n", "<html>"])
def test_a_manifest_harms_neither_its_video_nor_the_others(
    stand_ins: StandInsClient, scraper: YouTubeScraper, name: str, formats: list[dict[str, Any]], body: str
) -> None:
    streams = {"adaptiveFormats": formats, name: MANIFEST.format(name)}
    add_video(stand_ins, BAD_ID, raw={"player": {"streamingData": streams}})
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=200, path="/media/api/manifest", body=body)

    outcomes = scraper.fetch_posts(asks_for(BAD_ID, GOOD_ID))

    assert {video_id: type(outcome) for video_id, outcome in outcomes.items()} == {
        BAD_ID: ScrapedPost,
        GOOD_ID: ScrapedPost,
    }


@pytest.mark.parametrize("key", [None, "a-key"])
def test_a_page_that_is_too_large_fails_its_own_video_only(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector, key: str | None
) -> None:
    scraper = YouTubeScraper(calls=calls, data_api_key=key, prices=PRICES)
    add_video(stand_ins, BAD_ID)
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=200, path="/www/watch", body="x" * (16 * 1024 * 1024 + 1), times=1)

    outcomes = scraper.fetch_posts(asks_for(BAD_ID, GOOD_ID))

    assert isinstance(outcomes[GOOD_ID], ScrapedPost)
    if key is None:
        assert getattr(outcomes[BAD_ID], "category", None) is ErrorCategory.MEDIA_ERROR
    else:  # the Data API has told enough of it
        assert isinstance(outcomes[BAD_ID], ScrapedPost)
