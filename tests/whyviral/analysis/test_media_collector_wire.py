"""CollectMedia with the real downloader and the real store, over HTTP."""

import base64
from functools import partial

from local.stand_ins.scenario.posts import SAMPLES
from tests.fixtures.pipeline import REUSE_FOR, Pipeline, check_books
from tests.fixtures.stand_ins import StandInsClient
from whyviral.analysis.media_collector import MediaCollector
from whyviral.analysis.pipeline import CollectResult, Outcome, PostJob
from whyviral.analysis.post_fetcher import PostFetcher, Source
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.http.ssrf_guard import GuardedHttp
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.integrations.twitterapi.scraper import TwitterApiScraper
from whyviral.social.media.download import Downloader
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.prices import PRICES


def file(kind: str, filename: str) -> dict[str, str]:
    content = base64.b64encode((SAMPLES / filename).read_bytes()).decode()
    return {"kind": kind, "filename": filename, "file_base64": content}


def test_photo_video_and_poster_of_a_post_are_stored_unchanged_and_public(
    pipeline: Pipeline, stand_ins: StandInsClient, local_endpoints: Endpoints
) -> None:
    stand_ins.add_post(id="101", media=[file("image", "photo.jpg"), file("video", "tweet-spoken.mp4")])
    x = Source(partial(TwitterApiScraper, "stand-in", prices=PRICES), is_stand_in=True)
    fetcher = PostFetcher(
        pipeline.engine,
        sources=dict.fromkeys(Platform, x),
        handle_posts=pipeline.handle_posts(),
        reuse_for=REUSE_FOR,
        limits=pipeline.limits,
        clock=pipeline.clock,
    )
    job = pipeline.admit("101")
    (post,) = fetcher.fetch(job).posts
    collector = MediaCollector(
        pipeline.engine,
        download=Downloader(GuardedHttp(), gateway_url=local_endpoints.media_gateway_url).download,
        build_store=partial(SupabaseMediaStore, f"{stand_ins.base_url}/supabase", "sb_secret_stand_in"),
        clock=pipeline.clock,
    )

    result = collector.collect(PostJob(request_id=job.request_id, attempt=job.attempt, request_post_id=post))

    assert result == CollectResult(request_post_id=post, outcome=Outcome.COLLECTED, needs_worker=True, video_s=7)
    photo, video, poster = pipeline.posts()["101"].media
    assert [(row.content_type, row.error) for row in (photo, video, poster)] == [
        ("image/jpeg", None),
        ("video/mp4", None),
        ("image/png", None),
    ]
    assert (photo.width, photo.height, photo.thumbnail_url) == (720, 900, photo.supabase_url)
    for row, name in ((photo, "photo.jpg"), (video, "tweet-spoken.mp4")):
        assert stand_ins.http.get(row.supabase_url or "").content == (SAMPLES / name).read_bytes()
    assert [call.provider for call in pipeline.calls(job)].count("supabase") == 3
    check_books(pipeline, job)
