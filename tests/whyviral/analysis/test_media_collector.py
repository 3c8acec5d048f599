import hashlib
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.media import STORE_URL
from tests.fakes.post_scraper import scraped_post
from tests.fixtures.database import count_statements
from tests.fixtures.pipeline import REUSE_FOR, Pipeline, check_books, check_history
from whyviral.analysis.media_collector import START_UNTIL_S
from whyviral.analysis.models import PostState, Stage
from whyviral.analysis.pipeline import CollectResult, Outcome
from whyviral.analysis.post_fetcher import FetchJob
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedMedia
from whyviral.integrations.ports.transcript import SpokenSegment, Transcript, TranscriptSource
from whyviral.social.media.download import MediaRefused
from whyviral.social.media.service import forget_stored_file
from whyviral.social.models import PostMedia

PHOTO = ScrapedMedia(MediaKind.IMAGE, "https://pbs.twimg.com/media/a.jpg")
VIDEO = ScrapedMedia(MediaKind.VIDEO, "https://video.twimg.com/1/b.mp4", 12.5)
POSTER = ScrapedMedia(MediaKind.THUMBNAIL, "https://pbs.twimg.com/amplify_video_thumb/1.jpg")
PAGE = ScrapedMedia(MediaKind.VIDEO, "https://www.youtube.com/watch?v=1", is_page=True)
CAPTIONS = Transcript([SpokenSegment(0, 1, "Hello.")], TranscriptSource.CAPTIONS)
GONE = "The platform no longer has this file."


def fetched(pipeline: Pipeline, *media: ScrapedMedia, **fields: Any) -> tuple[FetchJob, uuid.UUID]:
    pipeline.source.posts["21"] = scraped_post("21", media=media, **fields)
    job, (post,) = pipeline.fetched("21")
    return job, post


def media_of(pipeline: Pipeline) -> list[PostMedia]:
    return pipeline.posts()["21"].media


def errors(pipeline: Pipeline) -> list[dict[str, Any] | None]:
    return [medium.error for medium in media_of(pipeline)]


def collected(post: uuid.UUID, *, needs_worker: bool = False, video_s: int | None = None) -> CollectResult:
    return CollectResult(request_post_id=post, outcome=Outcome.COLLECTED, needs_worker=needs_worker, video_s=video_s)


def test_a_post_without_media_is_collected(pipeline: Pipeline) -> None:
    job, (post,) = pipeline.fetched("20")

    assert pipeline.collect(job, post) == collected(post)

    request = pipeline.read(job)
    assert [row.state for row in request.posts] == [PostState.COLLECTED]
    assert check_history(request)[-1] == Stage.COLLECTING_MEDIA
    assert pipeline.media.asked == []


def test_a_photo_is_stored_under_its_hash_as_its_own_thumbnail(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)

    assert pipeline.collect(job, post) == collected(post)

    content = PHOTO.source_url.encode()
    path = f"x/{pipeline.posts()['21'].id}/{hashlib.sha256(content).hexdigest()[:32]}.jpg"
    (row,) = media_of(pipeline)
    assert (row.storage_path, row.supabase_url, row.uploaded_to_supabase) == (path, STORE_URL + path, True)
    assert (row.thumbnail_path, row.thumbnail_url) == (path, STORE_URL + path)
    assert (row.content_type, row.bytes, row.width, row.height, row.error) == (
        "image/jpeg",
        len(content),
        320,
        240,
        None,
    )
    assert pipeline.media.files == {path: (content, "image/jpeg")}


def test_a_file_that_storage_has_lost_is_stored_again(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    pipeline.collect(job, post)
    path = str(media_of(pipeline)[0].storage_path)
    del pipeline.media.files[path]
    with session_scope(pipeline.engine) as session:
        forget_stored_file(session, path)
    (lost,) = media_of(pipeline)
    assert (lost.storage_path, lost.thumbnail_path, lost.uploaded_to_supabase) == (None, None, False)

    assert pipeline.collect(job, post) == collected(post)

    (row,) = media_of(pipeline)
    assert (row.storage_path, row.thumbnail_path, row.error) == (path, path, None)
    assert path in pipeline.media.files


def test_a_video_is_stored_without_a_thumbnail_for_the_worker(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, VIDEO, POSTER)

    assert pipeline.collect(job, post) == collected(post, needs_worker=True, video_s=13)

    assert [(row.content_type, row.thumbnail_path, row.duration_s) for row in media_of(pipeline)] == [
        ("video/mp4", None, Decimal("12.500")),
        ("image/jpeg", None, None),
    ]


@pytest.mark.parametrize(
    ("lengths_s", "together_s"),
    [((12.5, 0.75), 14), ((600.0,), 600), ((600.001,), 601), ((12.5, None), None)],
    ids=["rounded up together", "whole", "a little longer", "one unknown"],
)
def test_the_length_of_a_posts_videos_is_known_only_if_each_of_them_has_one(
    pipeline: Pipeline, lengths_s: Sequence[float | None], together_s: int | None
) -> None:
    videos = [
        ScrapedMedia(MediaKind.VIDEO, f"https://video.twimg.com/{number}.mp4", length_s)
        for number, length_s in enumerate(lengths_s)
    ]
    job, post = fetched(pipeline, *videos)

    assert pipeline.collect(job, post) == collected(post, needs_worker=True, video_s=together_s)


@pytest.mark.parametrize(
    ("page", "needs_worker"),
    [(PAGE, True), (ScrapedMedia(PAGE.kind, PAGE.source_url, is_page=True, transcript=CAPTIONS), False)],
)
def test_a_video_page_is_not_downloaded_and_needs_the_worker_only_without_captions(
    pipeline: Pipeline, page: ScrapedMedia, needs_worker: bool
) -> None:
    job, post = fetched(pipeline, page, POSTER)

    assert pipeline.collect(job, post) == collected(post, needs_worker=needs_worker)
    assert [url for url, _, _ in pipeline.media.asked] == [POSTER.source_url]


def test_a_stored_file_is_not_downloaded_again_after_a_refetch_of_its_post(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    pipeline.collect(job, post)
    pipeline.collect(job, post)
    pipeline.clock.advance(REUSE_FOR.total_seconds() + 1)
    renewed = ScrapedMedia(MediaKind.IMAGE, f"{PHOTO.source_url}?signature=new")

    again, same = fetched(pipeline, renewed)
    pipeline.collect(again, same)

    assert len(pipeline.media.asked) == 1
    assert [row.source_url for row in media_of(pipeline)] == [renewed.source_url]


def test_a_post_with_an_expired_media_link_is_fetched_again_by_the_next_request(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO, VIDEO)
    dead = MediaRefused.with_dead_link("Its link has expired.")
    pipeline.media.refused[PHOTO.source_url] = dead
    pipeline.collect(job, post)
    pipeline.fetch(job)
    renewed = ScrapedMedia(MediaKind.IMAGE, f"{PHOTO.source_url}?signature=new")

    again, same = fetched(pipeline, renewed, VIDEO)
    pipeline.collect(again, same)
    pipeline.fetched("21")

    assert pipeline.source.asked == [("21",), ("21",)]
    assert [row.storage_path is not None for row in media_of(pipeline)] == [True, True]
    assert errors(pipeline) == [None, None]


def test_a_link_that_expires_again_causes_one_refetch_per_request(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    pipeline.media.refused[PHOTO.source_url] = MediaRefused.with_dead_link("Its link has expired.")
    pipeline.collect(job, post)

    again, same = fetched(pipeline, PHOTO)
    pipeline.fetch(again)
    pipeline.collect(again, same)

    assert pipeline.source.asked == [("21",), ("21",)]
    assert errors(pipeline) == [
        {"category": "media_error", "message": "Its link has expired.", "is_link_dead": True},
    ]


def test_other_media_errors_leave_the_post_fresh(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    pipeline.media.refused[PHOTO.source_url] = MediaRefused(GONE)
    pipeline.collect(job, post)

    fetched(pipeline, PHOTO)

    assert pipeline.source.asked == [("21",)]


@pytest.mark.parametrize("is_stand_in", [True, False])
def test_the_downloader_receives_the_platform_and_whether_the_post_is_a_stand_ins(
    pipeline: Pipeline, is_stand_in: bool
) -> None:
    pipeline.source.posts["21"] = scraped_post("21", media=[PHOTO])
    job = pipeline.admit("21")
    (post,) = pipeline.fetch(job, is_stand_in=is_stand_in).posts

    pipeline.collect(job, post)

    assert pipeline.media.asked == [(PHOTO.source_url, "x", is_stand_in)]


def test_a_failed_medium_has_an_error_and_the_post_continues(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, VIDEO, PHOTO)
    pipeline.media.refused[VIDEO.source_url] = MediaRefused(GONE)

    assert pipeline.collect(job, post) == collected(post)

    assert errors(pipeline) == [{"category": "media_error", "message": GONE}, None]


def test_a_failed_medium_is_retried_and_its_error_cleared(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    pipeline.media.refused[PHOTO.source_url] = MediaRefused(GONE)
    pipeline.collect(job, post)
    pipeline.media.refused.clear()

    pipeline.collect(job, post)

    assert errors(pipeline) == [None]


def test_a_storage_failure_is_recorded_with_its_calls(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO, VIDEO)
    down = ProviderError("Our media storage is unavailable.", provider="supabase", category=ErrorCategory.TIMEOUT)
    pipeline.media.unstorable[".mp4"] = down

    assert pipeline.collect(job, post) == collected(post)

    assert errors(pipeline) == [None, {"category": "timeout", "message": "Our media storage is unavailable."}]
    assert [call.provider for call in pipeline.calls(job)] == ["twitterapi", "supabase", "supabase"]
    check_books(pipeline, job)


def test_a_full_disk_fails_the_medium_and_not_the_post(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, VIDEO, PHOTO)
    pipeline.media.unwritable.add(VIDEO.source_url)

    assert pipeline.collect(job, post) == collected(post)

    full = {"category": "internal", "message": "We had no room to fetch this file; try again later."}
    assert errors(pipeline) == [full, None]


@pytest.mark.parametrize(
    ("text", "outcome"), [("", Outcome.FAILED), ("  \n", Outcome.FAILED), ("Hi", Outcome.COLLECTED)]
)
def test_a_post_without_text_and_media_fails_with_the_first_media_error(
    pipeline: Pipeline, text: str, outcome: Outcome
) -> None:
    job, post = fetched(pipeline, VIDEO, POSTER, text=text)
    pipeline.media.refused[VIDEO.source_url] = MediaRefused(GONE)

    assert pipeline.collect(job, post).outcome == outcome

    (row,) = pipeline.read(job).posts
    expected = (Stage.COLLECTING_MEDIA, "media_error", GONE) if outcome == Outcome.FAILED else (None, None, None)
    assert (row.error_stage, row.error_category, row.error) == expected


@pytest.mark.parametrize("media", [(PHOTO,), (VIDEO,), (PAGE,)])
def test_a_post_without_text_continues_if_it_has_a_visible_medium(
    pipeline: Pipeline, media: tuple[ScrapedMedia, ...]
) -> None:
    job, post = fetched(pipeline, *media, text="")

    assert pipeline.collect(job, post).outcome == Outcome.COLLECTED


@pytest.mark.parametrize(("used_s", "asked"), [(START_UNTIL_S, 2), (START_UNTIL_S + 0.1, 1)])
def test_no_download_starts_shortly_before_the_timeout(pipeline: Pipeline, used_s: float, asked: int) -> None:
    job, post = fetched(pipeline, PHOTO, VIDEO)
    pipeline.media.during = lambda: pipeline.clock.advance(used_s)

    pipeline.collect(job, post)

    assert len(pipeline.media.asked) == asked
    late = {"category": "timeout", "message": "There was no time left to fetch this file; try again."}
    assert errors(pipeline) == [None, None if asked == 2 else late]


def test_every_download_must_end_before_the_function_times_out(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO, VIDEO, POSTER)
    pipeline.media.during = lambda: pipeline.clock.advance(20)

    pipeline.collect(job, post)

    assert pipeline.media.patience_s == [49, 36, 29, 16, 9, pytest.approx(-4)]


def test_collecting_a_post_twice_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.source.posts["21"] = scraped_post("21", media=[PHOTO, VIDEO])
    job, posts = pipeline.fetched("20", "21")
    first = [pipeline.collect(job, post) for post in posts]
    before = pipeline.everything(job)

    assert [pipeline.collect(job, post) for post in posts] == first
    assert pipeline.everything(job) == before


def test_a_failed_post_is_not_collected(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    pipeline.fail_post(job, post, stage=Stage.COLLECTING_MEDIA, error="States.Timeout")

    assert pipeline.collect(job, post).outcome == Outcome.FAILED
    assert pipeline.media.asked == []


def test_a_superseded_attempt_collects_nothing(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    pipeline.supersede(job)
    before = pipeline.everything(job)

    assert pipeline.collect(job, post) == CollectResult(request_post_id=post, outcome=Outcome.SUPERSEDED)
    assert pipeline.everything(job) == before


def test_an_attempt_superseded_during_a_download_keeps_the_file_and_records_no_status(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    pipeline.media.during = lambda: pipeline.supersede(job)

    assert pipeline.collect(job, post).outcome == Outcome.SUPERSEDED

    assert [row.uploaded_to_supabase for row in media_of(pipeline)] == [True]
    assert [row.state for row in pipeline.read(job).posts] == [PostState.FETCHED]


def test_no_transaction_is_open_during_a_download(pipeline: Pipeline) -> None:
    job, post = fetched(pipeline, PHOTO)
    open_connections = []
    pipeline.media.during = lambda: open_connections.append(pipeline.engine.pool.status())

    pipeline.collect(job, post)

    assert ["Current Checked out connections: 0" in status for status in open_connections] == [True]


def test_collecting_a_post_of_another_request_is_an_error(pipeline: Pipeline) -> None:
    job, _ = pipeline.fetched("20")
    _, (foreign,) = pipeline.fetched("21")

    for post in (foreign, uuid.uuid4()):
        with pytest.raises(LookupError):
            pipeline.collect(job, post)


def test_each_medium_takes_the_same_number_of_statements(pipeline: Pipeline) -> None:
    def statements(count: int) -> int:
        pipeline.clock.advance(REUSE_FOR.total_seconds() + 1)
        pictures = [ScrapedMedia(MediaKind.IMAGE, f"{PHOTO.source_url}/{count}/{number}") for number in range(count)]
        job, post = fetched(pipeline, *pictures)
        with count_statements() as counted:
            pipeline.collect(job, post)
        return len(counted)

    none, one, twenty = statements(0), statements(1), statements(20)

    assert (one - none, twenty - one) == (3, 19 * 3)
