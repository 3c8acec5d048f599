"""FetchPosts and FetchBaselines: fetch the posts of a request and the lists of their creators' other posts.

Both return how long to wait for what is not ready.
"""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.analysis.creators.baseline_fetcher import CHEAP, FULL, BaselineFetcher, BaselineJob, ListSource
from whyviral.analysis.creators.handle_posts import HandlePosts
from whyviral.analysis.post_fetcher import FetchJob, PostFetcher, Source
from whyviral.core import endpoints
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.core.settings import revealed
from whyviral.core.telemetry.catalogue import STAGE_DURATION
from whyviral.core.telemetry.metrics import timed
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.instagram.creator_posts import InstagramCreatorPosts
from whyviral.integrations.instagram.scraper import InstagramScraper
from whyviral.integrations.twitterapi.creator_posts import TwitterApiCreatorPosts
from whyviral.integrations.twitterapi.scraper import TwitterApiScraper
from whyviral.integrations.youtube.creator_posts import YouTubeCreatorPosts
from whyviral.integrations.youtube.scraper import YouTubeScraper
from whyviral.social.platforms import Platform

from .settings import ScrapeSettings

settings = ScrapeSettings.load()
engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
logger = build_logger("scrape")
is_stand_in = endpoints.current().is_stand_in
lists = {
    Platform.X: ListSource(
        partial(
            TwitterApiCreatorPosts,
            settings.twitterapi_key.get_secret_value(),
            requests_per_second=settings.twitterapi_requests_per_second,
            prices=settings.price_table,
        ),
        is_stand_in("twitterapi"),
    ),
    Platform.INSTAGRAM: ListSource(
        partial(
            InstagramCreatorPosts,
            settings.brightdata_api_key.get_secret_value(),
            discovers_reels=settings.baseline_mode.is_full,
            prices=settings.price_table,
        ),
        is_stand_in("brightdata"),
    ),
    Platform.YOUTUBE: ListSource(
        partial(
            YouTubeCreatorPosts,
            data_api_key=revealed(settings.youtube_api_key) if settings.baseline_mode.uses_data_api else None,
            proxy_url=revealed(settings.youtube_proxy_url),
        ),
        is_stand_in("youtube"),
    ),
}
handle_posts = HandlePosts(
    engine,
    sources=lists,
    list_limits=FULL if settings.baseline_mode.is_full else CHEAP,
    limits=settings.spend_limits,
    clock=utc_now,
)
fetcher = PostFetcher(
    engine,
    sources={
        Platform.X: Source(
            partial(
                TwitterApiScraper,
                settings.twitterapi_key.get_secret_value(),
                requests_per_second=settings.twitterapi_requests_per_second,
                prices=settings.price_table,
            ),
            is_stand_in("twitterapi"),
        ),
        Platform.INSTAGRAM: Source(
            partial(InstagramScraper, settings.brightdata_api_key.get_secret_value(), prices=settings.price_table),
            is_stand_in("brightdata"),
        ),
        Platform.YOUTUBE: Source(
            partial(
                YouTubeScraper,
                data_api_key=revealed(settings.youtube_api_key),
                proxy_url=revealed(settings.youtube_proxy_url),
                brightdata_api_key=settings.brightdata_api_key.get_secret_value(),
                prices=settings.price_table,
            ),
            is_stand_in("youtube"),
        ),
    },
    handle_posts=handle_posts,
    reuse_for=settings.post_reuse,
    limits=settings.spend_limits,
    clock=utc_now,
)


baselines = BaselineFetcher(
    engine, mode=settings.baseline_mode, sources=lists, limits=settings.spend_limits, clock=utc_now
)


@logger.inject_lambda_context
@traced
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run FetchPosts once for `{request_id, attempt, started_at}`, or FetchBaselines with `step: baselines`."""
    logger.append_keys(request_id=str(event.get("request_id")), attempt=event.get("attempt"))
    if event.get("step") == "baselines":
        with timed(STAGE_DURATION, Stage="fetch_baselines"):
            compared = baselines.fetch(BaselineJob.model_validate(event))
        logger.info("fetched baselines", extra={"outcome": compared.outcome})
        return compared.model_dump(mode="json", exclude_none=True)
    with timed(STAGE_DURATION, Stage="fetch_posts"):
        result = fetcher.fetch(FetchJob.model_validate(event))
    logger.info("fetched posts", extra={"outcome": result.outcome, "posts": len(result.posts)})
    return result.model_dump(mode="json", exclude_none=True)
