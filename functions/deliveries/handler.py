"""DeliveriesFunction: sends the outgoing webhooks that its queue names."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from whyviral.core import endpoints
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.logging import build_logger
from whyviral.core.telemetry.trace import traced
from whyviral.integrations.aws.delivery_queue import SqsDeliveryQueue
from whyviral.webhooks.outgoing.receivers import Receivers
from whyviral.webhooks.outgoing.sender import Sender

from .delivery_batch import record_disabled, send_batch
from .settings import DeliveriesSettings

_settings = DeliveriesSettings.load()
_logger = build_logger("deliveries")
_sender = Sender(
    build_engine(_settings.supabase_db_url.get_secret_value(), pool_size=_settings.db_pool_size),
    receivers=Receivers.of(endpoints.current()),
    queue=SqsDeliveryQueue(_settings.delivery_queue_url),
    public_base_url=str(_settings.public_base_url).rstrip("/"),
    report_disabled=record_disabled,
    clock=utc_now,
    logger=_logger,
)


@traced
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Send the deliveries of one SQS batch."""
    return send_batch(_sender, event, logger=_logger)
