"""Each way in which YouTube says no, through the real yt-dlp."""

from typing import Any

import pytest

from tests.fakes.post_scraper import asks_for
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.youtube import BAD_ID, GOOD_ID, add_video, refuse_video
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.post_scraper import ScrapedPost, ScrapeFailure
from whyviral.integrations.youtube.errors import YouTubeBlocked, refusal_of_status, refusal_of_text
from whyviral.integrations.youtube.scraper import YouTubeScraper
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def scraper(local_endpoints: Endpoints, calls: CallCollector) -> YouTubeScraper:
    return YouTubeScraper(calls=calls, prices=PRICES)


def says(status: str, reason: str | None = None, subreason: str | None = None) -> dict[str, Any]:
    words = {"reason": {"simpleText": reason}, "subreason": {"simpleText": subreason}}
    screen = {name: text for name, text in words.items() if text["simpleText"]}
    return {"status": status, "reason": reason, "errorScreen": {"playerErrorMessageRenderer": screen}}


REMOVED = "Video unavailable"
OF_ONE_VIDEO = [
    (says("LOGIN_REQUIRED", "Private video"), ErrorCategory.PRIVATE, "is private"),
    (
        says("ERROR", REMOVED, "This video has been removed by the uploader"),
        ErrorCategory.REMOVED,
        "channel has removed",
    ),
    (
        says(
            "ERROR",
            REMOVED,
            "This video is no longer available because the YouTube account associated with this video has been "
            "terminated.",
        ),
        ErrorCategory.REMOVED,
        "closed the account",
    ),
    (
        says("ERROR", REMOVED, "This video is no longer available due to a copyright claim by Acme"),
        ErrorCategory.REMOVED,
        "copyright",
    ),
    (
        says("ERROR", "This video has been removed for violating YouTube's Terms of Service"),
        ErrorCategory.REMOVED,
        "YouTube has removed",
    ),
    (says("ERROR", REMOVED, "This video is unavailable"), ErrorCategory.NOT_FOUND, "no public video"),
    (says("ERROR", REMOVED), ErrorCategory.NOT_FOUND, "no public video"),
    (says("ERROR", "This video isn't available anymore"), ErrorCategory.NOT_FOUND, "no public video"),
    (
        says("LOGIN_REQUIRED", "Sign in to confirm your age", "This video may be inappropriate for some users."),
        ErrorCategory.UNSUPPORTED,
        "adults",
    ),
    (
        says("UNPLAYABLE", REMOVED, "The uploader has not made this video available in your country"),
        ErrorCategory.UNSUPPORTED,
        "country",
    ),
    (
        says("UNPLAYABLE", "Join this channel to get access to members-only content like this video."),
        ErrorCategory.PRIVATE,
        "members",
    ),
    (
        says("UNPLAYABLE", "This video is only available to Music Premium members"),
        ErrorCategory.UNSUPPORTED,
        "YouTube Music",
    ),
    (says("UNPLAYABLE", "This video requires payment to watch"), ErrorCategory.UNSUPPORTED, "paid"),
    (
        says("LIVE_STREAM_OFFLINE", "This live event will begin in 3 days."),
        ErrorCategory.UNSUPPORTED,
        "not started",
    ),
    (says("LIVE_STREAM_OFFLINE", "Premieres in 2 hours"), ErrorCategory.UNSUPPORTED, "not started"),
]


CANNOT = "cannot be played"
STATED = [
    (says("UNPLAYABLE", "This live stream recording is not available."), ErrorCategory.UNSUPPORTED, "no recording"),
    (says("LIVE_STREAM_OFFLINE", "Offline."), ErrorCategory.UNSUPPORTED, "offline"),
    (says("LIVE_STREAM_OFFLINE", "This live stream is offline."), ErrorCategory.UNSUPPORTED, "offline"),
    (says("UNPLAYABLE", "We\u2019re processing this video."), ErrorCategory.UNSUPPORTED, "still processing"),
    (
        says("UNPLAYABLE", "This video is age-restricted and only available on YouTube"),
        ErrorCategory.UNSUPPORTED,
        "adults",
    ),
    (
        says("UNPLAYABLE", REMOVED, "The uploader has not made this video available."),
        ErrorCategory.UNSUPPORTED,
        "channel has not made",
    ),
    (says("ERROR", "This content isn\u2019t available."), ErrorCategory.UNSUPPORTED, CANNOT),
    (says("UNPLAYABLE", "This video is available with YouTube Premium"), ErrorCategory.UNSUPPORTED, "Premium"),
    (says("UNPLAYABLE", "This video requires a subscription"), ErrorCategory.UNSUPPORTED, "subscription"),
    (says("LOGIN_REQUIRED", "Please sign in"), ErrorCategory.UNSUPPORTED, "signed-in"),
    (says("LOGIN_REQUIRED", "Un texto nuevo"), ErrorCategory.UNSUPPORTED, "signed-in"),
    (says("ERROR", "This video doesn't exist"), ErrorCategory.NOT_FOUND, "no public video"),
    (
        says("UNPLAYABLE", REMOVED, "This video contains content from NAME, who has blocked it on copyright grounds"),
        ErrorCategory.UNSUPPORTED,
        "owner of a copyright",
    ),
    (says("UNPLAYABLE", REMOVED), ErrorCategory.UNSUPPORTED, CANNOT),
    (says("UNPLAYABLE", REMOVED, "Words that are new to us."), ErrorCategory.UNSUPPORTED, CANNOT),
    (says("ERROR", REMOVED, "Words that are new to us."), ErrorCategory.UNSUPPORTED, CANNOT),
    (says("UNPLAYABLE"), ErrorCategory.UNSUPPORTED, CANNOT),
    (says("A_STATUS_TO_COME", "Words that are new to us."), ErrorCategory.UNSUPPORTED, CANNOT),
]


@pytest.mark.parametrize(("playability", "category", "sentence"), OF_ONE_VIDEO + STATED)
def test_a_refused_video_fails_alone_with_its_own_reason(
    stand_ins: StandInsClient,
    scraper: YouTubeScraper,
    calls: CallCollector,
    playability: dict[str, Any],
    category: ErrorCategory,
    sentence: str,
) -> None:
    add_video(stand_ins)
    refuse_video(stand_ins, **playability)

    outcomes = scraper.fetch_posts(asks_for(BAD_ID, GOOD_ID))

    failure = outcomes[BAD_ID]
    assert isinstance(failure, ScrapeFailure)
    assert (failure.platform_post_id, failure.category) == (BAD_ID, category)
    assert sentence in failure.message
    assert isinstance(outcomes[GOOD_ID], ScrapedPost)
    assert [(call.status, call.error_category) for call in calls.drain()] == [(200, category), (200, None)]


OF_US = [
    (says("LOGIN_REQUIRED", "Sign in to confirm you\u2019re not a bot"), "does not answer our address", 60),
    (says("ERROR", "This content isn't available, try again later."), "up to an hour", 3600),
    (
        {"status": "ERROR", "reason": REMOVED, "errorScreen": {"playerCaptchaViewModel": {"any": "thing"}}},
        "does not answer our address",
        60,
    ),
]


@pytest.mark.parametrize(
    "playability",
    [
        says("UNPLAYABLE", REMOVED, "This video is unavailable. Error code: 152 - 4"),
        says("ERROR", "An error occurred. Please try again later."),
        says("UNPLAYABLE", "The page needs to be reloaded."),
    ],
)
def test_a_fault_of_the_player_is_retried_and_does_not_block_our_address(
    stand_ins: StandInsClient, scraper: YouTubeScraper, playability: dict[str, Any]
) -> None:
    add_video(stand_ins)
    refuse_video(stand_ins, **playability)

    outcomes = scraper.fetch_posts(asks_for(BAD_ID, GOOD_ID))
    with pytest.raises(ProviderError) as caught:
        scraper.fetch_posts(asks_for(BAD_ID))

    assert list(outcomes) == [GOOD_ID]
    assert (caught.value.category, caught.value.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    assert not isinstance(caught.value, YouTubeBlocked)


@pytest.mark.parametrize(("playability", "sentence", "wait_s"), OF_US)
def test_a_refusal_of_our_address_is_said_to_pass(
    stand_ins: StandInsClient,
    scraper: YouTubeScraper,
    playability: dict[str, Any],
    sentence: str,
    wait_s: float,
) -> None:
    refuse_video(stand_ins, **playability)
    add_video(stand_ins)

    with pytest.raises(YouTubeBlocked) as caught:
        scraper.fetch_posts(asks_for(BAD_ID, GOOD_ID))

    assert (caught.value.category, caught.value.is_transient) == (ErrorCategory.RATE_LIMIT, True)
    assert caught.value.retry_after_s == wait_s
    assert sentence in caught.value.message
    assert len(stand_ins.calls("youtube")) == 2  # the second video is not asked for


def test_videos_fetched_before_a_block_are_kept(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    add_video(stand_ins)
    refuse_video(stand_ins, **OF_US[0][0])

    outcomes = scraper.fetch_posts(asks_for(GOOD_ID, BAD_ID, "otherVideo1"))

    assert list(outcomes) == [GOOD_ID]


def test_the_video_of_another_id_means_that_youtube_refuses_us(
    stand_ins: StandInsClient, scraper: YouTubeScraper
) -> None:
    add_video(stand_ins, raw={"player": {"videoDetails": {"videoId": "otherVideo1"}}})

    with pytest.raises(YouTubeBlocked):
        scraper.fetch_posts(asks_for(GOOD_ID))


STATUSES = [
    (429, ErrorCategory.RATE_LIMIT, YouTubeBlocked, "slow down"),
    (403, ErrorCategory.RATE_LIMIT, YouTubeBlocked, "does not answer our address"),
    (500, ErrorCategory.PROVIDER_ERROR, ProviderError, "unavailable"),
    (503, ErrorCategory.PROVIDER_ERROR, ProviderError, "unavailable"),
    (404, ErrorCategory.PROVIDER_ERROR, ProviderError, "unavailable"),
]


@pytest.mark.parametrize(("status", "category", "kind", "sentence"), STATUSES)
def test_a_status_that_yt_dlp_hides_is_found(
    stand_ins: StandInsClient,
    scraper: YouTubeScraper,
    calls: CallCollector,
    status: int,
    category: ErrorCategory,
    kind: type[ProviderError],
    sentence: str,
) -> None:
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=status, path="/www/youtubei/v1/player")

    with pytest.raises(ProviderError) as caught:
        scraper.fetch_posts(asks_for(GOOD_ID))

    assert type(caught.value) is kind
    assert (caught.value.category, caught.value.is_transient) == (category, True)
    assert sentence in caught.value.message
    assert [(call.status, call.error_category) for call in calls.drain()] == [(status, category)]


def test_youtube_says_how_long_to_wait(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=429, headers={"Retry-After": "17"}, path="/www/youtubei/v1/player")

    with pytest.raises(YouTubeBlocked) as caught:
        scraper.fetch_posts(asks_for(GOOD_ID))

    assert caught.value.retry_after_s == 17


def test_without_the_watch_page_only_its_fields_are_missing(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=429, path="/www/watch")
    stand_ins.fault("youtube", "status", status=429, path="/www/youtubei/v1/next")

    post = scraper.fetch_posts(asks_for(GOOD_ID))[GOOD_ID]

    assert isinstance(post, ScrapedPost)
    assert post.metrics == {"views": 1000}


@pytest.mark.parametrize("mode", ["disconnect", "garbage"])
def test_a_broken_answer_may_be_better_next_time(stand_ins: StandInsClient, scraper: YouTubeScraper, mode: str) -> None:
    add_video(stand_ins)
    stand_ins.fault("youtube", mode, path="/www/youtubei/v1/player")

    with pytest.raises(ProviderError) as caught:
        scraper.fetch_posts(asks_for(GOOD_ID))

    assert (caught.value.category, caught.value.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)


def test_a_run_ends_with_its_budget_and_leaves_the_rest_for_the_next(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    add_video(stand_ins)
    add_video(stand_ins, BAD_ID)
    stand_ins.fault("youtube", "timeout", path="/www/watch")
    scraper = YouTubeScraper(calls=calls, budget_s=0.6, prices=PRICES)

    with pytest.raises(ProviderError) as caught:
        scraper.fetch_posts(asks_for(BAD_ID, GOOD_ID))

    assert (caught.value.category, caught.value.is_transient) == (ErrorCategory.TIMEOUT, True)
    assert [call.error_category for call in calls.drain()] == [ErrorCategory.TIMEOUT]


def test_no_time_at_all_is_no_failure(local_endpoints: Endpoints, calls: CallCollector) -> None:
    assert YouTubeScraper(calls=calls, budget_s=0, prices=PRICES).fetch_posts(asks_for(GOOD_ID)) == {}
    assert calls.drain() == []


def test_a_video_that_fails_for_now_does_not_hold_up_the_others(
    stand_ins: StandInsClient, scraper: YouTubeScraper
) -> None:
    add_video(stand_ins)
    add_video(stand_ins, BAD_ID)
    stand_ins.fault("youtube", "status", status=500, path="/www/youtubei/v1/player", times=2)

    outcomes = scraper.fetch_posts(asks_for(BAD_ID, GOOD_ID))

    assert list(outcomes) == [GOOD_ID]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"raw": {"live": "now"}}, "live now"),
        ({"raw": {"live": "upcoming", "playability": {"status": "OK"}}}, "not started"),
        ({"raw": {"duration_s": 4 * 3600 + 1}}, "four hours"),
    ],
)
@pytest.mark.parametrize("key", [None, "any"])
def test_a_live_coming_or_too_long_video_is_refused(
    stand_ins: StandInsClient, local_endpoints: Endpoints, fields: dict[str, Any], sentence: str, key: str | None
) -> None:
    add_video(stand_ins, BAD_ID, **fields)

    failure = YouTubeScraper(calls=CallCollector(), data_api_key=key, prices=PRICES).fetch_posts(asks_for(BAD_ID))[
        BAD_ID
    ]

    assert isinstance(failure, ScrapeFailure)
    assert failure.category is ErrorCategory.UNSUPPORTED
    assert sentence in failure.message


def test_four_hours_are_not_too_long(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    add_video(stand_ins, raw={"duration_s": 4 * 3600})

    assert isinstance(scraper.fetch_posts(asks_for(GOOD_ID))[GOOD_ID], ScrapedPost)


@pytest.mark.parametrize("video_id", ["", "short", "a" * 12, "goodVideo-1&list=PL1", "goodVideo-\u0661", "../watch?v="])
def test_an_invalid_id_is_never_sent(
    stand_ins: StandInsClient, scraper: YouTubeScraper, calls: CallCollector, video_id: str
) -> None:
    failure = scraper.fetch_posts(asks_for(video_id))[video_id]

    assert isinstance(failure, ScrapeFailure)
    assert failure.category is ErrorCategory.INVALID_URL
    assert (calls.drain(), stand_ins.calls("youtube")) == ([], [])


def test_an_id_that_spells_a_word_means_nothing(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    refuse_video(stand_ins, "captcha-123", **says("LOGIN_REQUIRED", "Private video"))

    failure = scraper.fetch_posts(asks_for("captcha-123"))["captcha-123"]

    assert isinstance(failure, ScrapeFailure)
    assert failure.category is ErrorCategory.PRIVATE


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("This video is DRM protected", ErrorCategory.UNSUPPORTED),
        ("No video formats found!", ErrorCategory.PROVIDER_ERROR),
        ("Requested format is not available. Use --list-formats", ErrorCategory.PROVIDER_ERROR),
        ("Incomplete YouTube ID x. URL y looks truncated.", ErrorCategory.INVALID_URL),
        ("All player responses are invalid. Your IP is likely being blocked by Youtube", ErrorCategory.RATE_LIMIT),
        ("Offline.", ErrorCategory.UNSUPPORTED),
        ("Video unavailable. Words that are new to us", ErrorCategory.UNSUPPORTED),
        ("An error occurred. Please try again later.", ErrorCategory.PROVIDER_ERROR),
        ("Private video. Sign in if you've been granted access to this video", ErrorCategory.PRIVATE),
    ],
)
def test_words_that_only_yt_dlp_says_are_known(text: str, category: ErrorCategory) -> None:
    refusal = refusal_of_text(text)

    assert refusal is not None
    assert refusal.category is category


def test_unknown_words_mean_nothing() -> None:
    assert refusal_of_text("Something new. Please report this issue on a page that says how to sign in") is None


def test_a_proxy_that_refuses_us_is_not_retried() -> None:
    refusal = refusal_of_status(407)

    assert (refusal.category, refusal.is_transient) == (ErrorCategory.AUTH, False)
