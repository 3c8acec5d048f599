"""Amazon SQS on one machine: the queues of webhooks in and out, and the polling that Lambda does on AWS."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3

from local.aws.interpreter import Invoke
from local.aws.sandbox_pool import LambdaServiceClosed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

FUNCTION = "WebhooksFunction"
"""Processes the webhooks that vendors send to us."""
DELIVERIES_FUNCTION = "DeliveriesFunction"
"""Sends the webhooks of our users."""
_VISIBILITY_S = 20
_DELIVERY_VISIBILITY_S = 60
_MAX_RECEIVES = 5
_POLL_INTERVAL_S = 0.5


@contextmanager
def queue(invoke: Invoke, *, visibility_s: int = _VISIBILITY_S) -> Iterator[str]:
    """Run the queue of received webhooks, up to ten events a batch; yields its URL."""
    with _queue("webhooks", FUNCTION, invoke, batch_size=10, visibility_s=visibility_s) as url:
        yield url


@contextmanager
def delivery_queue(invoke: Invoke) -> Iterator[str]:
    """Run the queue of outgoing webhooks, one delivery a batch as on AWS; yields its URL."""
    with _queue("deliveries", DELIVERIES_FUNCTION, invoke, batch_size=1, visibility_s=_DELIVERY_VISIBILITY_S) as url:
        yield url


@contextmanager
def _queue(name: str, function: str, invoke: Invoke, *, batch_size: int, visibility_s: int) -> Iterator[str]:
    """Create a queue in this process's moto server, and pass its messages to a function; yields the queue's URL.

    A failed message becomes visible again after `visibility_s`. After five deliveries it goes to the dead-letter queue.
    """
    client: SQSClient = boto3.client("sqs")
    dead = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    dead_arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": _MAX_RECEIVES})
    attributes = {"VisibilityTimeout": str(visibility_s), "RedrivePolicy": redrive}
    url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type] # names
    stopped = threading.Event()
    arguments = (client, url, batch_size, function, invoke, stopped)
    poller = threading.Thread(target=_poll, args=arguments, name=name, daemon=True)
    poller.start()
    try:
        yield url
    finally:
        stopped.set()
        poller.join()
        client.close()


def _poll(
    client: "SQSClient", url: str, batch_size: int, function: str, invoke: Invoke, stopped: threading.Event
) -> None:
    while not stopped.wait(_POLL_INTERVAL_S):
        messages = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=batch_size, MessageSystemAttributeNames=["SentTimestamp"]
        ).get("Messages", [])
        if not messages:
            continue
        try:
            processed = _process(messages, function, invoke)
        except LambdaServiceClosed:
            return
        for receipt in processed:
            client.delete_message(QueueUrl=url, ReceiptHandle=receipt)


def _process(messages: list["MessageTypeDef"], function: str, invoke: Invoke) -> list[str]:
    """Pass messages to the function and return the receipts of the messages that it processed."""
    records = [
        {"messageId": message["MessageId"], "body": message["Body"], "attributes": message["Attributes"]}
        for message in messages
    ]
    invocation = invoke(function, json.dumps({"Records": records}).encode())
    if invocation.function_error:
        return []
    failures = json.loads(invocation.payload)["batchItemFailures"]
    failed = {failure["itemIdentifier"] for failure in failures}
    return [message["ReceiptHandle"] for message in messages if message["MessageId"] not in failed]
