"""The queue between the inbox of webhooks and those who act on it; it holds ids of rows, never content."""

import json
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError

from .clients import aws_client

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PROVIDER = "sqs"
_TIMEOUT_S = 2
_TRIES = 2
"""Svix and Dodo wait 15 s for their answer."""


class EventQueue(Protocol):
    """Hands events to whoever acts on them, at least once."""

    def send(self, event_id: uuid.UUID) -> None:
        """Queue an event of the inbox.

        Raises:
            ProviderError: it could not be queued.
        """
        ...


class SqsEventQueue:
    """`EventQueue` on SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        client: SQSClient = aws_client("sqs", timeout_s=_TIMEOUT_S, tries=_TRIES)
        return client

    def send(self, event_id: uuid.UUID) -> None:
        """Queue an event; see `EventQueue.send`."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps({"event": str(event_id)}))
        except (BotoCoreError, ClientError) as exc:
            raise ProviderError(
                f"the queue cannot be reached ({type(exc).__name__})",
                provider=PROVIDER,
                category=ErrorCategory.PROVIDER_ERROR,
                is_transient=True,
            ) from exc
