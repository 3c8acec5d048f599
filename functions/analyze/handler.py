"""AnalysePosts: explains one post, or returns how long to wait before the model is called again."""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.analysis.post_explainer import ExplainJob, PostExplainer
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.catalogue import STAGE_DURATION
from whyviral.core.telemetry.metrics import timed
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.model_choice.factory import build_analyst
from whyviral.integrations.model_choice.settings import AiProvider
from whyviral.integrations.supabase.storage import SupabaseMediaStore
from whyviral.social.media.lost_files import LostFileStore
from whyviral.vendor_calls.calls import CallCollector

from .settings import AnalyzeSettings

settings = AnalyzeSettings.load()
engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
logger = build_logger("analyze")


def build_store(*, calls: CallCollector, timeout_s: float) -> LostFileStore:
    """Open the store of media, which forgets files that it no longer has."""
    secret_key = settings.supabase_secret_key.get_secret_value()
    store = SupabaseMediaStore(settings.supabase_url, secret_key, calls=calls, clock=utc_now, timeout_s=timeout_s)
    return LostFileStore(store, engine)


explainer = PostExplainer(
    engine,
    build_analyst=(
        None
        if settings.ai_provider is AiProvider.MEASURED
        else partial(build_analyst, settings, prices=settings.price_table)
    ),
    build_store=build_store,
    limits=settings.spend_limits,
    clock=utc_now,
)


@logger.inject_lambda_context
@traced
@timed(STAGE_DURATION, Stage="analyse_post")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run AnalysePosts for `{request_id, attempt, request_post_id, started_at}`."""
    job = ExplainJob.model_validate(event)
    logger.append_keys(request_id=str(job.request_id), attempt=job.attempt, request_post_id=str(job.request_post_id))
    result = explainer.explain(job)
    logger.info("explained post", extra={"outcome": result.outcome})
    return result.model_dump(mode="json", exclude_none=True)
