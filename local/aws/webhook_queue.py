"""Amazon SQS on one machine: the queue of webhook events, and the polling that Lambda does on AWS."""

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
_VISIBILITY_S = 20
_MAX_RECEIVES = 5
_POLL_INTERVAL_S = 0.5


@contextmanager
def queue(invoke: Invoke, *, visibility_s: int = _VISIBILITY_S) -> Iterator[str]:
    """Create the queue in this process's moto server, and pass its messages to the function; yields the queue's URL.

    A failed message becomes visible again after `visibility_s`. After five deliveries it goes to the dead-letter queue.
    """
    client: SQSClient = boto3.client("sqs")
    dead = client.create_queue(QueueName="webhooks-dead")["QueueUrl"]
    dead_arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": _MAX_RECEIVES})
    attributes = {"VisibilityTimeout": str(visibility_s), "RedrivePolicy": redrive}
    url = client.create_queue(QueueName="webhooks", Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type] # names
    stopped = threading.Event()
    poller = threading.Thread(target=_poll, args=(client, url, invoke, stopped), name="webhooks", daemon=True)
    poller.start()
    try:
        yield url
    finally:
        stopped.set()
        poller.join()
        client.close()


def _poll(client: "SQSClient", url: str, invoke: Invoke, stopped: threading.Event) -> None:
    while not stopped.wait(_POLL_INTERVAL_S):
        messages = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["SentTimestamp"]
        ).get("Messages", [])
        if not messages:
            continue
        try:
            processed = _process(messages, invoke)
        except LambdaServiceClosed:
            return
        for receipt in processed:
            client.delete_message(QueueUrl=url, ReceiptHandle=receipt)


def _process(messages: list["MessageTypeDef"], invoke: Invoke) -> list[str]:
    """Pass messages to the function and return the receipts of the messages that it processed."""
    records = [
        {"messageId": message["MessageId"], "body": message["Body"], "attributes": message["Attributes"]}
        for message in messages
    ]
    invocation = invoke(FUNCTION, json.dumps({"Records": records}).encode())
    if invocation.function_error:
        return []
    failures = json.loads(invocation.payload)["batchItemFailures"]
    failed = {failure["itemIdentifier"] for failure in failures}
    return [message["ReceiptHandle"] for message in messages if message["MessageId"] not in failed]
