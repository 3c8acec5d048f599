"""CollectMedia: copies the media of one post to storage."""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.analysis.media_collector import MediaCollector
from whyviral.analysis.pipeline import PostJob
from whyviral.core import endpoints
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.catalogue import STAGE_DURATION
from whyviral.core.telemetry.metrics import timed
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.http.ssrf_guard import GuardedHttp
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.social.media.download import Downloader

from .settings import MediaSettings

settings = MediaSettings.load()
engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
logger = build_logger("media")
collector = MediaCollector(
    engine,
    download=Downloader(GuardedHttp(), gateway_url=endpoints.current().media_gateway_url).download,
    build_store=partial(
        SupabaseMediaStore,
        settings.supabase_url,
        settings.supabase_secret_key.get_secret_value(),
        links_to=settings.media_base_url,
    ),
    clock=utc_now,
)


@logger.inject_lambda_context
@traced
@timed(STAGE_DURATION, Stage="collect_media")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run CollectMedia for `{request_id, attempt, request_post_id}`."""
    job = PostJob.model_validate(event)
    logger.append_keys(request_id=str(job.request_id), attempt=job.attempt, request_post_id=str(job.request_post_id))
    result = collector.collect(job)
    logger.info("collected media", extra={"outcome": result.outcome, "needs_worker": result.needs_worker})
    return result.model_dump(mode="json", exclude_none=True)
