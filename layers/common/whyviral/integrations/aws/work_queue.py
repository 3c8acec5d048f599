"""The job queue on Amazon SQS; a message is delivered again until it is deleted."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from .clients import aws_client
from .errors import provider_errors

PROVIDER = "sqs"
MAX_WAIT_S = 5
"""The duration of one long poll. SQS allows 20 s, but a worker that is asked to stop must not wait that long."""
_TIMEOUT_S = MAX_WAIT_S + 10
_TRIES = 3
_UNREACHABLE = "the job queue cannot be reached"


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A received message, which is invisible to other workers until its visibility timeout ends."""

    body: str
    receipt: str
    """The receipt handle for `hide` and `delete`; each delivery has its own."""


class WorkQueue(Protocol):
    """A queue of jobs; every method raises `ProviderError` if the queue cannot be reached."""

    def receive(self, *, hidden_s: int) -> QueuedMessage | None:
        """Return the next message and hide it for `hidden_s` seconds; None if none arrives within `MAX_WAIT_S`."""
        ...

    def hide(self, message: QueuedMessage, *, hidden_s: int) -> None:
        """Hide a message for `hidden_s` seconds from now; 0 makes it visible at once."""
        ...

    def delete(self, message: QueuedMessage) -> None:
        """Delete a message."""
        ...


class SqsWorkQueue:
    """The `WorkQueue` on SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> Any:
        return aws_client("sqs", timeout_s=_TIMEOUT_S, tries=_TRIES)

    def receive(self, *, hidden_s: int) -> QueuedMessage | None:
        """Poll once; see `WorkQueue.receive`."""
        with provider_errors(PROVIDER, _UNREACHABLE):
            messages = self._client.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=MAX_WAIT_S,
                VisibilityTimeout=hidden_s,
            ).get("Messages", [])
        return QueuedMessage(messages[0]["Body"], messages[0]["ReceiptHandle"]) if messages else None

    def hide(self, message: QueuedMessage, *, hidden_s: int) -> None:
        """Change the message's visibility timeout; see `WorkQueue.hide`."""
        with provider_errors(PROVIDER, _UNREACHABLE):
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=message.receipt, VisibilityTimeout=hidden_s
            )

    def delete(self, message: QueuedMessage) -> None:
        """Delete the message; see `WorkQueue.delete`."""
        with provider_errors(PROVIDER, _UNREACHABLE):
            self._client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message.receipt)
