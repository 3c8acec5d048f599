"""Runs of the scraper over HTTP: which jobs it begins, how it goes on with them, and what a failure costs whom."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.brightdata.errors import BEGUN_UNSEEN, LOST_AGAIN
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.instagram.scraper import InstagramScraper, match_records
from whyviral.integrations.ports.post_scraper import (
    MediaKind,
    PostAsk,
    ScrapedPost,
    ScrapeFailure,
    ScrapeJob,
    ScrapeOutcome,
    ScrapePending,
)
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
PHOTO, REEL, OTHER, GONE = "DTq8Yc2kR1A", "DVa01kXoT4s", "DIWPWGpsUQX", "C9zzInVeNtd"
PICTURE, VIDEO = ("image", b"picture"), ("video", b"video")
TRIGGER, PROGRESS, SNAPSHOT = "/datasets/v3/trigger", "/datasets/v3/progress", "/datasets/v3/snapshot"

type Fetch = Callable[..., Mapping[str, ScrapeOutcome]]


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def fetch(stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector) -> Fetch:
    """Return a function that fetches posts, given as ids or asks, in one run; jobs are ready at once."""
    stand_ins.control("brightdata", {"delay_s": 0})
    stand_ins.add_instagram_post(PHOTO, PICTURE)
    stand_ins.add_instagram_post(REEL, VIDEO)
    stand_ins.add_instagram_post(OTHER, PICTURE)

    def fetch(*posts: str | PostAsk, timeout_s: float = WAIT_S) -> Mapping[str, ScrapeOutcome]:
        asks = [PostAsk(post) if isinstance(post, str) else post for post in posts]
        return InstagramScraper(
            "stand-in", calls=calls, clock=lambda: NOW, timeout_s=timeout_s, prices=PRICES
        ).fetch_posts(asks)

    return fetch


def again(outcomes: Mapping[str, ScrapeOutcome], *others: PostAsk) -> Sequence[PostAsk]:
    """Return the asks of the next run: the jobs that go on, and other posts."""
    pending = [told for told in outcomes.values() if isinstance(told, ScrapePending)]
    return [*(PostAsk(told.platform_post_id, job=told.job) for told in pending), *others]


def to_the_end(fetch: Fetch, *posts: str | PostAsk) -> dict[str, ScrapeOutcome]:
    """Ask until nothing is pending; return the last outcome of each post."""
    outcomes = dict(fetch(*posts))
    while asks := again(outcomes):
        outcomes |= fetch(*asks)
    return outcomes


def job_of(outcomes: Mapping[str, ScrapeOutcome], post_id: str) -> ScrapeJob:
    outcome = outcomes[post_id]
    assert isinstance(outcome, ScrapePending)
    return outcome.job


def failure_of(outcomes: Mapping[str, ScrapeOutcome], post_id: str) -> tuple[ErrorCategory, str]:
    outcome = outcomes[post_id]
    assert isinstance(outcome, ScrapeFailure)
    assert outcome.platform_post_id == post_id
    return outcome.category, outcome.message


def paths(stand_ins: StandInsClient) -> list[str]:
    return [call["path"].removeprefix("/datasets/v3/").partition("/")[0] for call in stand_ins.calls("brightdata")]


def fetched(outcomes: Mapping[str, ScrapeOutcome]) -> set[str]:
    return {post_id for post_id, told in outcomes.items() if isinstance(told, ScrapedPost)}


def test_new_posts_begin_one_job_of_each_kind_and_nothing_is_asked_yet(stand_ins: StandInsClient, fetch: Fetch) -> None:
    outcomes = fetch(PHOTO, OTHER, PostAsk(REEL, "reel"), PostAsk(GONE, "reels"))

    posts_job, reels_job = job_of(outcomes, PHOTO), job_of(outcomes, REEL)
    assert outcomes == {
        PHOTO: ScrapePending(PHOTO, posts_job, 5.0),
        OTHER: ScrapePending(OTHER, posts_job, 5.0),
        REEL: ScrapePending(REEL, reels_job, 5.0),
        GONE: ScrapePending(GONE, reels_job, 5.0),
    }
    assert (posts_job.kind, posts_job.number, reels_job.kind, reels_job.number) == ("posts", 1, "reels", 1)
    assert paths(stand_ins) == ["trigger", "trigger"]


def test_a_running_job_is_asked_about_once_for_all_its_posts(stand_ins: StandInsClient, fetch: Fetch) -> None:
    stand_ins.control("brightdata", {"delay_s": 60})
    begun = fetch(PHOTO, OTHER)

    outcomes = fetch(*again(begun))

    assert outcomes == begun
    assert paths(stand_ins) == ["trigger", "progress"]


def test_every_post_of_a_job_gets_its_own_record(fetch: Fetch, calls: CallCollector) -> None:
    outcomes = to_the_end(fetch, PHOTO, OTHER, GONE, PostAsk(REEL, "reel"))

    assert fetched(outcomes) == {PHOTO, OTHER, REEL}
    for post_id in (PHOTO, OTHER, REEL):
        post = outcomes[post_id]
        assert isinstance(post, ScrapedPost)
        assert (post.platform_post_id, post.url) == (post_id, f"https://www.instagram.com/p/{post_id}/")
    assert failure_of(outcomes, GONE)[0] is ErrorCategory.NOT_FOUND
    assert sum(call.cost_usd or 0 for call in calls.drain()) == 3 * Decimal("0.0015")


def test_a_reel_reads_the_same_through_both_datasets(fetch: Fetch) -> None:
    through_posts = to_the_end(fetch, REEL)[REEL]
    through_reels = to_the_end(fetch, PostAsk(REEL, "reel"))[REEL]

    assert isinstance(through_posts, ScrapedPost)
    assert isinstance(through_reels, ScrapedPost)
    assert [medium.kind for medium in through_posts.media] == [MediaKind.VIDEO, MediaKind.THUMBNAIL]
    assert through_posts.metrics == through_reels.metrics
    assert (through_posts.author, through_posts.text) == (through_reels.author, through_reels.text)


def test_nothing_asked_is_nothing_called(fetch: Fetch, calls: CallCollector) -> None:
    assert fetch() == {}
    assert calls.drain() == []


@pytest.mark.parametrize("post_id", ["", "a/b", "x" * 12, "ZZZZZZZZZZZ", "A", "é"])
def test_an_invalid_shortcode_is_never_sent(fetch: Fetch, calls: CallCollector, post_id: str) -> None:
    assert failure_of(fetch(post_id), post_id)[0] is ErrorCategory.INVALID_URL
    assert calls.drain() == []


@pytest.mark.parametrize(
    ("error", "category", "sentence"),
    [
        (("dead_page", "4XX page - dead page."), ErrorCategory.NOT_FOUND, "no public post"),
        (("dead_page", "This account is private"), ErrorCategory.PRIVATE, "is private"),
        (("bad_input", "It is not a post URL"), ErrorCategory.INVALID_URL, "no posts with an address"),
        (("blocked", "blocked"), ErrorCategory.PROVIDER_ERROR, "could not be read"),
        (("crawl_error", "…"), ErrorCategory.PROVIDER_ERROR, "could not be read"),
        (("parse_error", "…"), ErrorCategory.PROVIDER_ERROR, "could not be read"),
        (("aborted_page", "…"), ErrorCategory.PROVIDER_ERROR, "could not be read"),
        (("click_timeout", "…"), ErrorCategory.TIMEOUT, "took too long"),
    ],
)
def test_a_post_that_fails_has_its_category_and_sentence_and_the_others_complete(
    stand_ins: StandInsClient, fetch: Fetch, error: tuple[str, str], category: ErrorCategory, sentence: str
) -> None:
    code, message = error
    stand_ins.add_instagram_post(GONE, PICTURE, raw={"error_code": code, "error": message})

    outcomes = to_the_end(fetch, PHOTO, GONE, OTHER)

    assert failure_of(outcomes, GONE)[0] is category
    assert sentence in failure_of(outcomes, GONE)[1]
    assert fetched(outcomes) == {PHOTO, OTHER}


@pytest.mark.parametrize(
    "changes",
    [
        {"shortcode": OTHER},
        {"pk": "1"},
        {"post_id": "3609139641052120087_5100000007"},
        {"shortcode": None, "pk": None, "post_id": None, "url": "https://www.instagram.com/somebody/"},
    ],
)
def test_the_record_of_another_post_is_never_taken_for_the_asked_one(
    stand_ins: StandInsClient, fetch: Fetch, changes: dict[str, Any]
) -> None:
    stand_ins.add_instagram_post(GONE, PICTURE, raw=changes)

    outcomes = to_the_end(fetch, GONE, PHOTO)

    assert failure_of(outcomes, GONE) == (
        ErrorCategory.PROVIDER_ERROR,
        "Instagram could not be read for this post; try again.",
    )
    assert fetched(outcomes) == {PHOTO}


@pytest.mark.parametrize(
    "record",
    [
        {"shortcode": PHOTO},
        {"post_id": "3813125597560905024"},
        {"post_id": 3813125597560905024},
        {"post_id": "3813125597560905024_6600000042", "shortcode": PHOTO},
        {"pk": "3813125597560905024", "content_id": "something else"},
        {"url": f"https://www.instagram.com/reel/{PHOTO}/?img_index=1"},
    ],
)
def test_a_record_is_known_by_any_of_its_ids(record: dict[str, Any]) -> None:
    assert match_records([{"input": {"url": "x"}} | record], [OTHER, PHOTO]) == {
        PHOTO: {"input": {"url": "x"}} | record
    }


def test_a_post_counts_for_more_than_a_row_that_says_there_is_none() -> None:
    gone = {"error_code": "dead_page", "input": {"url": f"https://www.instagram.com/p/{PHOTO}/"}}
    record = {"shortcode": PHOTO}

    assert match_records([gone, record], [PHOTO]) == match_records([record, gone], [PHOTO]) == {PHOTO: record}


def test_a_video_told_without_its_file_is_read_through_the_reels_dataset(
    stand_ins: StandInsClient, fetch: Fetch
) -> None:
    stand_ins.add_instagram_post(GONE, VIDEO, raw={"videos": None, "post_content": None})

    pending = fetch(*again(fetch(*again(fetch(GONE, PHOTO)))))
    outcomes = to_the_end(fetch, *again(pending))

    assert job_of(pending, GONE).kind == "reels"
    assert job_of(pending, GONE).number == 2
    assert fetched(pending) == {PHOTO}
    post = outcomes[GONE]
    assert isinstance(post, ScrapedPost)
    assert [medium.kind for medium in post.media] == [MediaKind.VIDEO, MediaKind.THUMBNAIL]
    assert paths(stand_ins).count("trigger") == 2


def test_a_reel_told_without_its_video_is_not_asked_for_again(stand_ins: StandInsClient, fetch: Fetch) -> None:
    stand_ins.add_instagram_post(GONE, VIDEO, raw={"videos": None, "post_content": None, "video_url": None})

    outcomes = to_the_end(fetch, GONE)

    post = outcomes[GONE]
    assert isinstance(post, ScrapedPost)
    assert ([medium.kind for medium in post.media], post.text) == ([MediaKind.THUMBNAIL], "An invented post.")
    assert paths(stand_ins).count("trigger") == 2


def test_a_lost_job_is_begun_once_more_and_no_further(stand_ins: StandInsClient, fetch: Fetch) -> None:
    begun = fetch(PHOTO)
    stand_ins.fault("brightdata", "status", status=404, body="Snapshot does not exist", path=PROGRESS)

    once_more = fetch(*again(begun))
    outcomes = fetch(*again(once_more))

    assert job_of(once_more, PHOTO) == ScrapeJob(job_of(once_more, PHOTO).id, "posts", number=2)
    assert job_of(once_more, PHOTO).id != job_of(begun, PHOTO).id
    assert failure_of(outcomes, PHOTO)[0] is ErrorCategory.PROVIDER_ERROR
    assert paths(stand_ins).count("trigger") == 2


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("No data found in discovery", ErrorCategory.NOT_FOUND),
        ("Input validation failed: url", ErrorCategory.INVALID_URL),
        ("Something went wrong while preparing snapshot", ErrorCategory.PROVIDER_ERROR),
        ("Account is suspended", ErrorCategory.AUTH),
    ],
)
def test_a_job_that_fails_fails_its_posts_and_no_others(
    stand_ins: StandInsClient, fetch: Fetch, message: str, category: ErrorCategory
) -> None:
    begun = fetch(PostAsk(REEL, "reel"))
    stand_ins.control("brightdata", {"delay_s": 0, "fails_with": message})

    outcomes = to_the_end(fetch, PHOTO, OTHER) | to_the_end(fetch, *again(begun))

    assert {failure_of(outcomes, post_id)[0] for post_id in (PHOTO, OTHER)} == {category}
    assert failure_of(outcomes, PHOTO)[1]
    assert fetched(outcomes) == {REEL}


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (400, {"code": "validation_error", "errors": [["url", "Bad"]]}, ErrorCategory.INVALID_URL),
        (404, "dataset does not exist", ErrorCategory.UNSUPPORTED),
    ],
)
def test_a_kind_of_post_that_is_refused_fails_alone(
    stand_ins: StandInsClient, fetch: Fetch, status: int, body: Any, category: ErrorCategory
) -> None:
    stand_ins.fault("brightdata", "status", status=status, body=body, path=TRIGGER, times=1)

    outcomes = to_the_end(fetch, PHOTO, PostAsk(REEL, "reel"))

    assert failure_of(outcomes, PHOTO)[0] is category
    assert failure_of(outcomes, PHOTO)[1]
    assert fetched(outcomes) == {REEL}


@pytest.mark.parametrize(
    ("fault", "timeout_s", "category"),
    [("disconnect", WAIT_S, ErrorCategory.PROVIDER_ERROR), ("timeout", 3.0, ErrorCategory.TIMEOUT)],
)
def test_posts_whose_job_may_have_begun_unnoticed_end_and_are_not_paid_for_again(
    stand_ins: StandInsClient, fetch: Fetch, fault: str, timeout_s: float, category: ErrorCategory
) -> None:
    stand_ins.fault("brightdata", fault, path=TRIGGER, times=1)

    outcomes = to_the_end(partial(fetch, timeout_s=timeout_s), PHOTO, PostAsk(REEL, "reel"))

    lost = ScrapeJob("", "posts", number=1, is_lost=True)
    assert outcomes[PHOTO] == ScrapeFailure(PHOTO, category, BEGUN_UNSEEN, lost=lost)
    assert fetched(outcomes) == {REEL}


def test_trying_again_begins_a_lost_job_once_more_and_a_second_loss_says_so(
    stand_ins: StandInsClient, fetch: Fetch
) -> None:
    stand_ins.fault("brightdata", "status", status=404, body="Snapshot does not exist", path=PROGRESS)

    begun = fetch(PostAsk(PHOTO, job=ScrapeJob("", "posts", number=1, is_lost=True)))
    outcomes = fetch(*again(begun))

    lost = job_of(begun, PHOTO)
    assert lost.number == 2
    assert outcomes[PHOTO] == ScrapeFailure(
        PHOTO, ErrorCategory.PROVIDER_ERROR, LOST_AGAIN, lost=replace(lost, is_lost=True)
    )
    assert paths(stand_ins).count("trigger") == 1


@pytest.mark.parametrize("status", [429, 401])
def test_no_call_follows_one_that_was_refused_for_haste_or_key(
    stand_ins: StandInsClient, fetch: Fetch, status: int
) -> None:
    begun = fetch(PHOTO, PostAsk(REEL, "reel"))
    stand_ins.fault("brightdata", "status", status=status, headers={"Retry-After": "40"})

    with pytest.raises(ProviderError) as failure:
        fetch(*again(begun, PostAsk(OTHER)))

    assert failure.value.status == status
    assert paths(stand_ins) == ["trigger", "trigger", "progress"]


def test_a_failed_call_takes_no_end_and_no_new_job_with_it(stand_ins: StandInsClient, fetch: Fetch) -> None:
    begun = fetch(PHOTO, PostAsk(REEL, "reel"))
    fetch(*again(begun))  # both snapshots have been late once
    broken = f"{PROGRESS}/{job_of(begun, PHOTO).id}"
    stand_ins.fault("brightdata", "status", status=503, path=broken)

    outcomes = fetch(*again(begun, PostAsk(OTHER)))

    assert fetched(outcomes) == {REEL}
    assert job_of(outcomes, OTHER).number == 1
    assert PHOTO not in outcomes
    with pytest.raises(ProviderError) as failure:
        fetch(*again({PHOTO: begun[PHOTO]}))
    assert failure.value.status == 503


def test_when_time_is_over_the_rest_is_left_for_the_next_run(
    stand_ins: StandInsClient, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whyviral.integrations.instagram.scraper.RUN_S", -1.0)

    assert fetch(PHOTO) == {}
    assert paths(stand_ins) == []
