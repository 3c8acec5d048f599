"""CollectMedia: makes the media of one post ready for analysis."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.analysis.pipeline import PostJob
from whyviral.core.database import build_engine, session_scope
from whyviral.core.logging import build_logger
from whyviral.core.settings import DeployableSettings

from .collecting import collect_media

settings = DeployableSettings.load()
engine = build_engine(settings.supabase_db_url.get_secret_value(), pool_size=settings.db_pool_size)
logger = build_logger("media")


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Run CollectMedia for `{request_id, attempt, post}`."""
    job = PostJob.model_validate(event)
    logger.append_keys(request_id=str(job.request_id), attempt=job.attempt, post=str(job.post))
    with session_scope(engine) as session:
        result = collect_media(session, job)
    logger.info("collected media", extra={"outcome": result.outcome})
    return result.model_dump(mode="json", exclude_none=True)
