import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.factories import create_comments, create_media, create_post
from tests.fakes.post_scraper import scraped_post
from tests.fixtures.database import Database, count_statements
from tests.fixtures.waits import WAIT_S
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedComment, ScrapedMedia
from whyviral.integrations.ports.transcript import SpokenSegment, SpokenWord, Transcript, TranscriptSource
from whyviral.social import service
from whyviral.social.media import repository as media_repository
from whyviral.social.media import service as social_media
from whyviral.social.media.service import MediaFailure, MediaFindings, StoredFile
from whyviral.social.models import Post, PostComments, PostMedia

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
VIDEO = "https://video.twimg.com/1/a.mp4"
IMAGE = "https://pbs.twimg.com/media/b.jpg"
FILE = StoredFile("x/1/abc.mp4", "https://store/x/1/abc.mp4")
HELLO = Transcript(
    [SpokenSegment(0.5, 1.25, "Hello there.", (SpokenWord(0.5, 0.8, "Hello"), SpokenWord(0.9, 1.25, "there.")))],
    TranscriptSource.WHISPER,
    language="en",
)
CAPTIONS = Transcript([SpokenSegment(61, 62, "Good bye.")], TranscriptSource.CAPTIONS, language="en-GB")
SILENCE = Transcript([], TranscriptSource.WHISPER)


def scrape(session: Session, post: Post, *media: ScrapedMedia, is_stand_in: bool = False, **fields: Any) -> None:
    said = scraped_post(post.platform_post_id, media=media, **fields)
    service.save_scraped(
        session,
        post.platform,
        {said.platform_post_id: said},
        lease_owner=uuid.uuid4(),
        fetched_at=NOW,
        is_stand_in=is_stand_in,
    )


def media_of(session: Session, post: Post) -> list[PostMedia]:
    session.flush()
    session.expire_all()
    query = select(PostMedia).where(PostMedia.post_id == post.id).order_by(PostMedia.position)
    return list(session.scalars(query))


def columns(row: PostMedia, *without: str) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key not in without}


def test_a_medium_with_a_new_url_signature_keeps_its_results(session: Session) -> None:
    post = create_post(session)
    scrape(session, post, ScrapedMedia(MediaKind.VIDEO, f"{VIDEO}?oe=1", 12.5))
    (row,) = media_of(session, post)
    social_media.record_stored(session, row.id, FILE, content_type="video/mp4", size_bytes=9, size=(720, 1280))
    social_media.record_transcript(session, post.id, row.id, HELLO)
    frames = [{"at_s": 0, "path": "x/1/f.jpg", "url": "https://store/x/1/f.jpg"}]
    findings = MediaFindings(measurements={"cuts": 2}, frames=frames, duration_s=12.25)
    social_media.record_processed(session, row.id, findings, now=NOW)
    before = columns(media_of(session, post)[0], "source_url")

    scrape(session, post, ScrapedMedia(MediaKind.VIDEO, f"{VIDEO}?oe=2", 12.5))

    (after,) = media_of(session, post)
    assert columns(after, "source_url") == before
    assert after.source_url == f"{VIDEO}?oe=2"
    assert (post.transcript, after.duration_s) == ("Hello there.", Decimal("12.250"))


@pytest.mark.parametrize(
    "now",
    [
        (ScrapedMedia(MediaKind.VIDEO, "https://video.twimg.com/1/other.mp4"),),
        (ScrapedMedia(MediaKind.THUMBNAIL, VIDEO),),
        (ScrapedMedia(MediaKind.IMAGE, IMAGE), ScrapedMedia(MediaKind.VIDEO, VIDEO)),
        (),
    ],
)
def test_a_replaced_medium_starts_without_results(session: Session, now: tuple[ScrapedMedia, ...]) -> None:
    post = create_post(session)
    scrape(session, post, ScrapedMedia(MediaKind.VIDEO, VIDEO))
    (row,) = media_of(session, post)
    social_media.record_stored(session, row.id, FILE, content_type="video/mp4", size_bytes=9)
    social_media.record_transcript(session, post.id, row.id, HELLO)

    scrape(session, post, *now)

    rows = media_of(session, post)
    assert [(each.position, each.kind, each.source_url) for each in rows] == [
        (position, medium.kind, medium.source_url) for position, medium in enumerate(now)
    ]
    assert {(each.storage_path, each.transcript, each.uploaded_to_supabase) for each in rows} <= {(None, None, False)}
    assert (post.transcript, post.formatted_transcript) == (None, None)


def test_media_of_a_stand_in_are_replaced_by_those_of_the_platform(session: Session) -> None:
    post = create_post(session, is_stand_in=True)
    create_media(session, post, position=0, kind="video", source_url=VIDEO, storage_path="x/1/abc.mp4")
    create_comments(session, post)

    scrape(session, post, ScrapedMedia(MediaKind.VIDEO, VIDEO), is_stand_in=False)

    assert [row.storage_path for row in media_of(session, post)] == [None]
    assert session.scalars(select(PostComments)).all() == []


def test_captions_fetched_with_a_post_are_its_transcript(session: Session) -> None:
    post = create_post(session)

    scrape(
        session,
        post,
        ScrapedMedia(MediaKind.VIDEO, "https://www.youtube.com/watch?v=1", is_page=True, transcript=CAPTIONS),
        ScrapedMedia(MediaKind.THUMBNAIL, "https://i.ytimg.com/vi/1/hqdefault.jpg"),
    )

    page, picture = media_of(session, post)
    assert (page.is_page, page.transcript, page.transcript_source, page.language, page.has_speech) == (
        True,
        "Good bye.",
        "captions",
        "en-GB",
        True,
    )
    assert page.segments == [{"start_s": 61, "end_s": 62, "text": "Good bye.", "words": []}]
    assert (picture.is_page, picture.transcript, picture.has_speech) == (False, None, None)
    assert (post.transcript, post.formatted_transcript) == ("Good bye.", "[1:01] Good bye.")


def test_saved_captions_stay_when_a_later_fetch_has_none(session: Session) -> None:
    post = create_post(session)
    page = ScrapedMedia(MediaKind.VIDEO, "https://www.youtube.com/watch?v=1", is_page=True)
    scrape(session, post, ScrapedMedia(page.kind, page.source_url, is_page=True, transcript=CAPTIONS))

    scrape(session, post, page)

    assert [row.transcript for row in media_of(session, post)] == ["Good bye."]
    assert post.transcript == "Good bye."


def test_unknown_json_columns_are_sql_null(session: Session) -> None:
    post = create_post(session)

    scrape(session, post, ScrapedMedia(MediaKind.VIDEO, VIDEO))

    (row,) = media_of(session, post)
    social_media.record_processed(session, row.id, now=NOW)
    unknown = [PostMedia.segments, PostMedia.frames, PostMedia.measurements, PostMedia.error]
    found = session.execute(select(*(column.is_(None) for column in unknown)).where(PostMedia.id == row.id)).one()
    assert tuple(found) == (True, True, True, True)


def test_the_transcript_of_a_post_joins_those_of_its_media_in_order(session: Session) -> None:
    post = create_post(session)
    first, silent, second, unheard = (create_media(session, post, kind="video") for _ in range(4))

    social_media.record_transcript(session, post.id, second.id, CAPTIONS)
    social_media.record_transcript(session, post.id, silent.id, SILENCE)
    social_media.record_transcript(session, post.id, first.id, HELLO)

    assert post.transcript == "Hello there.\n\nGood bye."
    assert post.formatted_transcript == "[0:00] Hello there.\n\n[1:01] Good bye."
    assert [(row.transcript, row.has_speech) for row in media_of(session, post)] == [
        ("Hello there.", True),
        ("", False),
        ("Good bye.", True),
        (None, None),
    ]
    assert unheard.segments is None


def test_a_post_whose_only_video_is_silent_has_an_empty_transcript(session: Session) -> None:
    post = create_post(session)
    video = create_media(session, post, kind="video")

    social_media.record_transcript(session, post.id, video.id, SILENCE)

    assert (post.transcript, post.formatted_transcript) == ("", "")


def test_recording_a_transcript_twice_changes_nothing(session: Session) -> None:
    post = create_post(session)
    video = create_media(session, post, kind="video")
    social_media.record_transcript(session, post.id, video.id, HELLO)
    before = [columns(row, "updated_at") for row in media_of(session, post)]

    social_media.record_transcript(session, post.id, video.id, HELLO)

    assert [columns(row, "updated_at") for row in media_of(session, post)] == before
    assert post.transcript == "Hello there."


def test_results_of_a_deleted_medium_change_nothing(session: Session) -> None:
    post = create_post(session)
    unknown_id = uuid.uuid4()

    social_media.record_transcript(session, post.id, unknown_id, HELLO)
    social_media.record_transcript(session, unknown_id, unknown_id, HELLO)
    social_media.record_stored(session, unknown_id, FILE, content_type="video/mp4", size_bytes=9)
    social_media.record_processed(session, unknown_id, now=NOW)

    assert media_of(session, post) == []
    assert post.transcript is None


def test_concurrently_recorded_transcripts_are_both_in_the_post(fresh_database: Callable[[], Database]) -> None:
    engine = fresh_database().engine
    with session_scope(engine) as session:
        post = create_post(session)
        videos = [create_media(session, post, kind="video").id for _ in range(2)]
    both = threading.Barrier(2)

    def record(video: uuid.UUID, transcript: Transcript) -> None:
        with session_scope(engine) as session:
            session.get_one(Post, post.id)
            both.wait(WAIT_S)
            social_media.record_transcript(session, post.id, video, transcript)

    threads = [threading.Thread(target=record, args=pair) for pair in zip(videos, (HELLO, CAPTIONS), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)

    with session_scope(engine) as session:
        assert session.get_one(Post, post.id).transcript == "Hello there.\n\nGood bye."


def test_stored_videos_and_pages_without_captions_are_unprocessed_until_the_worker_is_done(session: Session) -> None:
    post, other = create_post(session), create_post(session)
    stored = create_media(session, post, kind="video", storage_path="x/1/a.mp4")
    page = create_media(session, post, kind="video", is_page=True)
    create_media(session, post, kind="video", is_page=True, transcript="Hi.", transcript_source="captions")
    create_media(session, post, kind="video", error={"category": "media_error", "message": "Gone."})
    create_media(session, post, kind="image", storage_path="x/1/b.jpg")
    create_media(session, post, kind="video", storage_path="x/1/c.mp4", processed_at=NOW)
    create_media(session, other, kind="video", storage_path="x/2/d.mp4")

    found = media_repository.list_unprocessed_media(session, [post.id])

    assert [row.id for row in found] == [stored.id, page.id]
    social_media.record_processed(
        session, stored.id, now=NOW, error=MediaFailure(ErrorCategory.MEDIA_ERROR, "It cannot be decoded.")
    )
    assert [row.id for row in media_repository.list_unprocessed_media(session, [post.id])] == [page.id]


def test_the_first_stored_file_of_a_medium_is_not_replaced(session: Session) -> None:
    post = create_post(session)
    video = create_media(session, post, kind="video")
    social_media.record_stored(session, video.id, FILE, content_type="video/mp4", size_bytes=9)
    social_media.record_processed(
        session, video.id, now=NOW, error=MediaFailure(ErrorCategory.MEDIA_ERROR, "Its sound is broken.")
    )
    before = columns(media_of(session, post)[0])

    other = StoredFile("x/1/def.mov", "https://store/x/1/def.mov")
    social_media.record_stored(session, video.id, other, content_type="video/quicktime", size_bytes=8)

    assert columns(media_of(session, post)[0]) == before


def test_earlier_measurements_survive_a_failure(session: Session) -> None:
    post = create_post(session)
    video = create_media(session, post, kind="video")
    social_media.record_measured(session, video.id, MediaFindings(measurements={"cuts": 2}, duration_s=2.5))

    social_media.record_processed(
        session, video.id, now=NOW, error=MediaFailure(ErrorCategory.MEDIA_ERROR, "It cannot be decoded.")
    )

    (row,) = media_of(session, post)
    assert (row.processed_at, row.measurements, row.duration_s) == (NOW, {"cuts": 2}, Decimal("2.5"))


def test_the_workers_measurements_are_saved(session: Session) -> None:
    post = create_post(session)
    video = create_media(session, post, kind="video", duration_s=Decimal(3))
    frames = [{"at_s": 1.5, "path": "x/1/f.jpg", "url": "https://store/f.jpg"}]

    findings = MediaFindings(measurements={"cuts": 2}, frames=frames, thumbnail=FILE, duration_s=2.5, size=(64, 48))
    social_media.record_processed(
        session, video.id, findings, error=MediaFailure(ErrorCategory.MEDIA_ERROR, "Its sound is broken."), now=NOW
    )

    (row,) = media_of(session, post)
    assert (row.processed_at, row.measurements, row.frames, row.duration_s) == (
        NOW,
        {"cuts": 2},
        frames,
        Decimal("2.5"),
    )
    assert (row.thumbnail_path, row.thumbnail_url, row.width, row.height) == (FILE.path, FILE.url, 64, 48)
    assert row.error == {"category": "media_error", "message": "Its sound is broken."}


def test_saved_comments_stay_when_a_later_fetch_has_none(session: Session) -> None:
    post = create_post(session)
    comment = ScrapedComment("Wow.", "kim", 3, NOW)

    scrape(session, post, details={"title": "A kite"}, comments=[comment])
    scrape(session, post, details={"title": "Two kites"})

    row = session.scalars(select(PostComments)).one()
    assert post.details == {"title": "Two kites"}
    assert row.comments == [{"text": "Wow.", "author": "kim", "likes": 3, "posted_at": "2026-11-25T12:00:00+00:00"}]


def test_saving_posts_takes_the_same_number_of_statements_for_any_number_of_posts_and_media(session: Session) -> None:
    def save(posts: int, media: int) -> list[str]:
        told = {}
        for _ in range(posts):
            post = create_post(session)
            create_media(session, post, position=0, source_url="https://pbs.twimg.com/old.jpg")
            pictures = [ScrapedMedia(MediaKind.VIDEO, f"{VIDEO}/{number}", transcript=HELLO) for number in range(media)]
            told[post.platform_post_id] = scraped_post(
                post.platform_post_id, media=pictures, comments=[ScrapedComment("Wow.")]
            )
        with count_statements() as statements:
            service.save_scraped(session, "x", told, lease_owner=uuid.uuid4(), fetched_at=NOW, is_stand_in=False)
            session.flush()
        return [" ".join(statement.split()[:3]) for statement in statements]

    one, many = save(1, 1), save(20, 10)

    assert many == one
    assert len(one) == 8
