"""Hands deliveries to the queue after their transaction has committed."""

import uuid
from collections.abc import Sequence

from aws_lambda_powertools import Logger

from whyviral.integrations.aws.delivery_queue import DeliveryQueue
from whyviral.integrations.errors import ProviderError


def queue_deliveries(
    queue: DeliveryQueue, delivery_ids: Sequence[uuid.UUID], *, logger: Logger, delay_s: int = 0
) -> bool:
    """Queue deliveries. Those that cannot be queued are left to the sweeper; returns False then.

    Nothing is raised, because the work that the deliveries report is committed already.
    """
    if not delivery_ids:
        return True
    try:
        queue.send(delivery_ids, delay_s=delay_s)
    except ProviderError as exc:
        extra = {"deliveries": len(delivery_ids), "error": str(exc)}
        logger.warning("deliveries not queued", extra=extra)
        return False
    return True
