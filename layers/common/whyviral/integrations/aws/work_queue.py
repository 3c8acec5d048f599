"""Amazon SQS as a worker sees it: messages that come back until they are deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError

from .clients import aws_client

PROVIDER = "sqs"
MAX_WAIT_S = 5
"""How long one question for a message waits: SQS allows 20 s, but who is asked to end must not wait so long."""
_TIMEOUT_S = MAX_WAIT_S + 10
_TRIES = 3


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message that nobody else sees for a while."""

    body: str
    receipt: str
    """What it is deleted or kept with; another receiving gives another one."""


class WorkQueue(Protocol):
    """A queue of jobs; every method raises `ProviderError` when it cannot be reached."""

    def receive(self, *, hidden_s: int) -> QueuedMessage | None:
        """Return the next message, which nobody else sees for `hidden_s` seconds; None when none came for a while."""
        ...

    def hide(self, message: QueuedMessage, *, hidden_s: int) -> None:
        """Let nobody else see a message for so many seconds from now; none gives it back at once."""
        ...

    def delete(self, message: QueuedMessage) -> None:
        """Take a message out of the queue for good."""
        ...


class SqsWorkQueue:
    """`WorkQueue` on a queue of SQS."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> Any:
        return aws_client("sqs", timeout_s=_TIMEOUT_S, tries=_TRIES)

    def receive(self, *, hidden_s: int) -> QueuedMessage | None:
        """Ask once, for at most 5 s; see `WorkQueue.receive`."""
        with _as_ours():
            messages = self._client.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=MAX_WAIT_S,
                VisibilityTimeout=hidden_s,
            ).get("Messages", [])
        return QueuedMessage(messages[0]["Body"], messages[0]["ReceiptHandle"]) if messages else None

    def hide(self, message: QueuedMessage, *, hidden_s: int) -> None:
        """Change the message's visibility; see `WorkQueue.hide`."""
        with _as_ours():
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=message.receipt, VisibilityTimeout=hidden_s
            )

    def delete(self, message: QueuedMessage) -> None:
        """Delete the message; see `WorkQueue.delete`."""
        with _as_ours():
            self._client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message.receipt)


@contextmanager
def _as_ours() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except (BotoCoreError, ClientError) as exc:
        raise ProviderError(
            f"the queue of jobs cannot be reached ({type(exc).__name__})",
            provider=PROVIDER,
            category=ErrorCategory.PROVIDER_ERROR,
            is_transient=True,
        ) from exc
