"""FetchPosts with the real yt-dlp, up to the rows in the database."""

from functools import partial

from sqlalchemy import select

from tests.fixtures.pipeline import REUSE_FOR, Pipeline
from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.youtube import BAD_ID, GOOD_ID, add_video, refuse_video
from whyviral.analysis.models import PostState
from whyviral.analysis.pipeline import Outcome
from whyviral.analysis.post_fetcher import PostFetcher, Source
from whyviral.core.database import session_scope
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.youtube.scraper import YouTubeScraper
from whyviral.social.models import PostMedia
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.prices import PRICES


def test_a_youtube_video_is_saved_with_its_captions_and_a_private_one_fails_alone(
    pipeline: Pipeline, stand_ins: StandInsClient, local_endpoints: Endpoints
) -> None:
    line = {"start_s": 0.5, "end_s": 2.0, "text": "Red kites fly."}
    add_video(stand_ins, captions={"language": "en", "segments": [line]}, raw={"duration_s": 63, "tags": ["kite"]})
    refuse_video(stand_ins, status="LOGIN_REQUIRED", reason="Private video")
    youtube = Source(partial(YouTubeScraper, clock=pipeline.clock, prices=PRICES), is_stand_in=True)
    fetcher = PostFetcher(
        pipeline.engine,
        sources=dict.fromkeys(Platform, youtube),
        handle_posts=pipeline.handle_posts(),
        reuse_for=REUSE_FOR,
        limits=pipeline.limits,
        clock=pipeline.clock,
    )
    job = pipeline.admit(GOOD_ID, BAD_ID, platform=Platform.YOUTUBE)

    result = fetcher.fetch(job)

    assert result.outcome is Outcome.FETCHED
    rows = {row.platform_post_id: (row.state, row.error_category) for row in pipeline.read(job).posts}
    assert rows == {GOOD_ID: (PostState.FETCHED, None), BAD_ID: (PostState.FAILED, ErrorCategory.PRIVATE)}
    post = pipeline.posts()[GOOD_ID]
    assert (post.username, post.content, post.is_stand_in) == ("inventedkites", "A kite\n\nIt flies.", True)
    assert (post.details["title"], post.details["tags"]) == ("A kite", ["kite"])
    with session_scope(pipeline.engine) as session:
        media = session.scalars(
            select(PostMedia).where(PostMedia.post_id == post.id).order_by(PostMedia.position)
        ).all()
        told = [(medium.is_page, medium.source_url, medium.transcript, medium.language) for medium in media]
        segments = media[0].segments
    assert told == [
        (True, f"https://www.youtube.com/watch?v={GOOD_ID}", "Red kites fly.", "en"),
        (False, f"https://i.ytimg.com/vi/{GOOD_ID}/hqdefault.jpg", None, None),
    ]
    assert segments == [line | {"words": []}]
    assert [call.provider for call in pipeline.calls(job)] == ["youtube"] * 3
