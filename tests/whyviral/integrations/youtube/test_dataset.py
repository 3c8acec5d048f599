"""Videos that YouTube does not show to us, by Bright Data."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.post_scraper import asks_for
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.youtube import GOOD_ID, add_video
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.brightdata.errors import BEGUN_UNSEEN
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.post_scraper import (
    PostAsk,
    ScrapedAuthor,
    ScrapedPost,
    ScrapeFailure,
    ScrapeJob,
    ScrapePending,
)
from whyviral.integrations.youtube.errors import TOO_LONG, YouTubeBlocked
from whyviral.integrations.youtube.posts import MAX_DURATION_S
from whyviral.integrations.youtube.scraper import YouTubeScraper
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

BOT_CHECK = {"playability": {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you\u2019re not a bot"}}


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def scraper(local_endpoints: Endpoints, calls: CallCollector) -> YouTubeScraper:
    return YouTubeScraper(calls=calls, brightdata_api_key="a-key", prices=PRICES)


def set_up(stand_ins: StandInsClient, **settings: Any) -> None:
    stand_ins.control("brightdata", {"delay_s": 0, **settings})


def begun(scraper: YouTubeScraper, video_id: str = GOOD_ID) -> PostAsk:
    pending = scraper.fetch_posts(asks_for(video_id))[video_id]
    assert isinstance(pending, ScrapePending)
    return PostAsk(video_id, job=pending.job)


def ended(scraper: YouTubeScraper, ask: PostAsk) -> object:
    """The snapshot is late once, as the real one sometimes is."""
    assert isinstance(scraper.fetch_posts([ask])[ask.post_id], ScrapePending)
    return scraper.fetch_posts([ask])[ask.post_id]


def test_a_video_refused_to_our_address_goes_to_the_scraping_service(
    stand_ins: StandInsClient, scraper: YouTubeScraper, calls: CallCollector
) -> None:
    set_up(stand_ins)
    record = {"subscribers": "1200000", "video_length": 63, "tags": ["kite"], "handle_name": "kites"}
    add_video(stand_ins, posted_at="2026-09-28T09:00:00Z", raw=BOT_CHECK | record)

    ask = begun(scraper)
    post = ended(scraper, ask)

    assert isinstance(post, ScrapedPost)
    assert post.author == ScrapedAuthor("kites", "Invented Kites", 1_200_000)
    assert (post.text, post.posted_at) == ("A kite\n\nIt flies.", datetime(2026, 9, 28, 9, tzinfo=UTC))
    assert post.metrics == {"likes": 10, "comments": 2, "views": 1000}
    assert [medium.duration_s for medium in post.media] == [63, None]
    assert post.details == {"title": "A kite", "tags": ["kite"]}
    assert post.raw["sources"] == ["brightdata"]
    assert [call.operation for call in calls.drain() if call.provider == "youtube"] == ["yt-dlp video"]


def test_videos_fetched_before_the_block_are_kept_and_only_the_rest_is_paid_for(
    stand_ins: StandInsClient, scraper: YouTubeScraper
) -> None:
    add_video(stand_ins)
    add_video(stand_ins, "blocked-001", raw=BOT_CHECK)
    add_video(stand_ins, "blocked-002")

    outcomes = scraper.fetch_posts(asks_for(GOOD_ID, "blocked-001", "blocked-002"))

    assert isinstance(outcomes[GOOD_ID], ScrapedPost)
    jobs = [outcome.job for outcome in outcomes.values() if isinstance(outcome, ScrapePending)]
    assert jobs == [ScrapeJob(jobs[0].id, "videos", number=1)] * 2
    assert len(stand_ins.calls("brightdata")) == 1


def test_the_posts_of_a_job_are_kept_when_the_data_api_key_is_refused(
    stand_ins: StandInsClient, scraper: YouTubeScraper, calls: CallCollector
) -> None:
    set_up(stand_ins)
    add_video(stand_ins, raw=BOT_CHECK)
    ask = begun(scraper)
    scraper.fetch_posts([ask])
    refused = YouTubeScraper(calls=calls, data_api_key="bad-key", brightdata_api_key="a-key", prices=PRICES)

    outcomes = refused.fetch_posts([ask, *asks_for("otherVideo1")])

    assert isinstance(outcomes[GOOD_ID], ScrapedPost)
    assert isinstance(other := outcomes["otherVideo1"], ScrapeFailure)
    assert other.category is ErrorCategory.AUTH


def test_with_numbers_of_the_data_api_nothing_is_paid_for(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    add_video(stand_ins, raw=BOT_CHECK)
    scraper = YouTubeScraper(calls=calls, data_api_key="a-key", brightdata_api_key="a-key", prices=PRICES)

    assert isinstance(scraper.fetch_posts(asks_for(GOOD_ID))[GOOD_ID], ScrapedPost)
    assert stand_ins.calls("brightdata") == []


@pytest.mark.parametrize(
    ("raw", "category", "sentence"),
    [
        ({"error_code": "dead_page", "error": "4XX page - dead page."}, ErrorCategory.NOT_FOUND, "no public video"),
        ({"error_code": "dead_page", "error": "This video is private"}, ErrorCategory.PRIVATE, "private"),
        ({"error_code": "click_timeout", "error": "late"}, ErrorCategory.TIMEOUT, "too long"),
        ({"error_code": "blocked", "error": "blocked"}, ErrorCategory.PROVIDER_ERROR, "try again"),
        ({"video_id": "otherVideo1"}, ErrorCategory.PROVIDER_ERROR, "try again"),
    ],
)
def test_a_video_that_the_service_cannot_read_has_its_reason(
    stand_ins: StandInsClient, scraper: YouTubeScraper, raw: dict[str, Any], category: ErrorCategory, sentence: str
) -> None:
    set_up(stand_ins)
    add_video(stand_ins, raw=BOT_CHECK | raw)

    failure = ended(scraper, begun(scraper))

    assert isinstance(failure, ScrapeFailure)
    assert failure.category is category
    assert sentence in failure.message


def test_a_video_that_is_too_long_is_refused_from_every_source(
    stand_ins: StandInsClient, scraper: YouTubeScraper
) -> None:
    set_up(stand_ins)
    add_video(stand_ins, raw=BOT_CHECK | {"video_length": MAX_DURATION_S + 1})

    failure = ended(scraper, begun(scraper))

    assert failure == ScrapeFailure(GOOD_ID, ErrorCategory.UNSUPPORTED, TOO_LONG)


def test_videos_whose_job_may_have_begun_unnoticed_end_and_are_not_paid_for_again(
    stand_ins: StandInsClient, scraper: YouTubeScraper
) -> None:
    add_video(stand_ins, raw=BOT_CHECK)
    stand_ins.fault("brightdata", "disconnect", times=1)

    outcomes = scraper.fetch_posts(asks_for(GOOD_ID))

    assert outcomes == {
        GOOD_ID: ScrapeFailure(
            GOOD_ID,
            ErrorCategory.PROVIDER_ERROR,
            BEGUN_UNSEEN,
            lost=ScrapeJob("", "videos", number=1, is_lost=True),
        )
    }


def test_a_job_that_is_lost_is_begun_once_more_and_no_further(
    stand_ins: StandInsClient, scraper: YouTubeScraper
) -> None:
    add_video(stand_ins, raw=BOT_CHECK)

    again = scraper.fetch_posts([PostAsk(GOOD_ID, job=ScrapeJob("sd_lost", "videos"))])[GOOD_ID]
    given_up = scraper.fetch_posts([PostAsk(GOOD_ID, job=ScrapeJob("sd_lost", "videos", number=2))])[GOOD_ID]

    assert isinstance(again, ScrapePending)
    assert again.job.number == 2
    assert isinstance(given_up, ScrapeFailure)
    assert given_up.category is ErrorCategory.PROVIDER_ERROR


def test_a_job_that_cannot_be_asked_about_keeps_its_id(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    add_video(stand_ins, raw=BOT_CHECK)
    ask = begun(scraper)
    stand_ins.fault("brightdata", "status", status=500)

    with pytest.raises(ProviderError) as caught:
        scraper.fetch_posts([ask])

    assert (caught.value.provider, caught.value.is_transient) == ("brightdata", True)
    assert [call["path"] for call in stand_ins.calls("brightdata")].count("/datasets/v3/trigger") == 1


def test_other_videos_are_seen_while_a_job_cannot_be_asked_about(
    stand_ins: StandInsClient, scraper: YouTubeScraper
) -> None:
    add_video(stand_ins, raw=BOT_CHECK)
    add_video(stand_ins, "other-video")
    ask = begun(scraper)
    stand_ins.fault("brightdata", "status", status=500)

    outcomes = scraper.fetch_posts([ask, PostAsk("other-video")])

    assert list(outcomes) == ["other-video"]


def test_a_job_is_not_begun_for_a_failure_of_another_kind(stand_ins: StandInsClient, scraper: YouTubeScraper) -> None:
    add_video(stand_ins)
    stand_ins.fault("youtube", "status", status=500, path="/www/youtubei/v1/player")

    with pytest.raises(ProviderError):
        scraper.fetch_posts(asks_for(GOOD_ID))

    assert stand_ins.calls("brightdata") == []


@pytest.mark.parametrize("stand_in", ["youtube", "brightdata"])
def test_real_services_and_stand_ins_are_not_mixed(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector, stand_in: str
) -> None:
    add_video(stand_ins, raw=BOT_CHECK)
    endpoints.use(replace(local_endpoints, stand_ins=frozenset({stand_in})))
    scraper = YouTubeScraper(calls=calls, brightdata_api_key="a-key", prices=PRICES)

    with pytest.raises(YouTubeBlocked):
        scraper.fetch_posts(asks_for(GOOD_ID))

    assert stand_ins.calls("brightdata") == []


def test_a_service_that_refuses_us_too_leaves_the_refusal_of_youtube(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    add_video(stand_ins, raw=BOT_CHECK)
    scraper = YouTubeScraper(calls=calls, brightdata_api_key="bad-key", prices=PRICES)

    with pytest.raises(YouTubeBlocked):
        scraper.fetch_posts(asks_for(GOOD_ID))

    assert [call.error_category for call in calls.drain()] == [ErrorCategory.RATE_LIMIT, ErrorCategory.AUTH]
