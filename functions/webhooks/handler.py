"""WebhooksFunction: receives webhooks from API Gateway and processes the inbox events that its queue names."""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.aws.event_queue import SqsEventQueue

from .gateway import GatewayRequest
from .receiver import Receiver, senders
from .settings import WebhooksSettings

_settings = WebhooksSettings.load()
_logger = build_logger("webhooks")
_engine = build_engine(_settings.supabase_db_url.get_secret_value(), pool_size=_settings.db_pool_size)
_receiver = Receiver(
    _engine,
    queue=SqsEventQueue(_settings.webhook_queue_url),
    senders=senders(
        clerk_secret=_settings.clerk_webhook_secret,
        dodo_secret=_settings.dodo_webhook_secret,
        dodo_mode=_settings.dodo_mode,
    ),
    logger=_logger,
)


@traced
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Receive one webhook, or process a batch of queued events."""
    if "Records" in event:
        # Only queue batches need Powertools' batch classes and Dodo's client; a webhook's sender waits for neither.
        from .dodo_client import connect  # noqa: PLC0415
        from .event_batch import process_batch  # noqa: PLC0415

        return process_batch(_engine, event, dodo=partial(connect, _settings), logger=_logger)
    return _receiver.receive(GatewayRequest.model_validate(event))
