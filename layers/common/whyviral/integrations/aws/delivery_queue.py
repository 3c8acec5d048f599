"""The queue of outgoing webhooks; it holds ids of delivery rows, never content."""

import json
import uuid
from collections.abc import Sequence
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING, Protocol

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError

from .clients import aws_client
from .errors import provider_errors

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PROVIDER = "sqs"
MAX_DELAY_S = 900
"""Source: Amazon SQS, "Message quotas" (2026-11-28)."""
_MAX_BATCH = 10
_TIMEOUT_S = 2
_TRIES = 2
_UNREACHABLE = "the queue of deliveries cannot be reached"


class DeliveryQueue(Protocol):
    """Hands deliveries to their consumer at least once."""

    def send(self, delivery_ids: Sequence[uuid.UUID], *, delay_s: int = 0) -> None:
        """Queue deliveries.

        Args:
            delivery_ids: the deliveries.
            delay_s: how long the messages stay hidden, at most `MAX_DELAY_S`.

        Raises:
            ProviderError: not all of them could be queued.
        """
        ...


class SqsDeliveryQueue:
    """The `DeliveryQueue` on SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        client: SQSClient = aws_client("sqs", timeout_s=_TIMEOUT_S, tries=_TRIES)
        return client

    def send(self, delivery_ids: Sequence[uuid.UUID], *, delay_s: int = 0) -> None:
        """Queue deliveries; see `DeliveryQueue.send`."""
        for batch in batched(delivery_ids, _MAX_BATCH, strict=False):
            with provider_errors(PROVIDER, _UNREACHABLE):
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {
                            "Id": delivery_id.hex,
                            "MessageBody": json.dumps({"delivery": str(delivery_id)}),
                            "DelaySeconds": delay_s,
                        }
                        for delivery_id in batch
                    ],
                )
            if answer.get("Failed"):
                raise ProviderError(
                    "the queue of deliveries refused a message",
                    provider=PROVIDER,
                    category=ErrorCategory.PROVIDER_ERROR,
                    is_transient=True,
                )
