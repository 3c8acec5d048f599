"""The queue of webhook events that are to be processed; it holds ids of inbox rows, never content."""

import json
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from .clients import aws_client
from .errors import provider_errors

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PROVIDER = "sqs"
_TIMEOUT_S = 2
_TRIES = 2
"""Two attempts of 2 s each stay well below the 15 s that Svix and Dodo wait for our response."""


class EventQueue(Protocol):
    """Delivers events to their consumer at least once."""

    def send(self, event_id: uuid.UUID) -> None:
        """Queue an event of the inbox.

        Raises:
            ProviderError: the event could not be queued.
        """
        ...


class SqsEventQueue:
    """The `EventQueue` on SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        client: SQSClient = aws_client("sqs", timeout_s=_TIMEOUT_S, tries=_TRIES)
        return client

    def send(self, event_id: uuid.UUID) -> None:
        """Queue an event; see `EventQueue.send`."""
        with provider_errors(PROVIDER, "the queue cannot be reached"):
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps({"event": str(event_id)}))
