"""Webhooks on one machine: the queue with what Lambda does for it, and who sends events."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import httpx

from local.aws.interpreter import Invoke
from local.aws.sandbox_pool import LambdaServiceClosed
from local.stand_ins.clerk.webhooks import event_of, headers_of, new_event_id

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

FUNCTION = "WebhooksFunction"
CLERK_PATH = "/api/accounts/webhook/clerk/"
_VISIBILITY_S = 20
_MOST_RECEIVES = 5
_POLL_S = 0.5


@contextmanager
def queue(invoke: Invoke, *, visibility_s: int = _VISIBILITY_S) -> Iterator[str]:
    """Make the queue, in the moto server that this process runs, and hand what comes to the function; yields its URL.

    A message that fails is seen again after `visibility_s`, five times in all, and then goes where nobody looks.
    """
    client: SQSClient = boto3.client("sqs")
    dead = client.create_queue(QueueName="webhooks-dead")["QueueUrl"]
    dead_arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": _MOST_RECEIVES})
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
    while not stopped.wait(_POLL_S):
        messages = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            continue
        try:
            done = _act_on(messages, invoke)
        except LambdaServiceClosed:
            return
        for receipt in done:
            client.delete_message(QueueUrl=url, ReceiptHandle=receipt)


def _act_on(messages: list["MessageTypeDef"], invoke: Invoke) -> list[str]:
    """Hand messages to the function and return the receipts of those that it has done."""
    records = [{"messageId": message["MessageId"], "body": message["Body"]} for message in messages]
    invocation = invoke(FUNCTION, json.dumps({"Records": records}).encode())
    if invocation.function_error:
        return []
    failures = json.loads(invocation.payload)["batchItemFailures"]
    failed = {failure["itemIdentifier"] for failure in failures}
    return [message["ReceiptHandle"] for message in messages if message["MessageId"] not in failed]


def subscribe(stand_ins_url: str, api_url: str) -> None:
    """Have the stand-in of Clerk tell the running system what happens to its users."""
    _control(stand_ins_url, "clerk/instance", {"webhook_url": f"{api_url}{CLERK_PATH}"})


def send_sample(stand_ins_url: str, api_url: str, event_type: str, email: str) -> int:
    """Send a signed sample event of Clerk's, about the user with this address, and return the status."""
    user = _control(stand_ins_url, "clerk/users", {"email": email})
    user_id: str = user["id"]
    data: dict[str, Any]
    match event_type.split("."):
        case ["user", "deleted"]:
            data = {"object": "user", "id": user_id, "deleted": True, "external_id": None}
        case ["user", _]:
            data = {**user, "updated_at": int(time.time() * 1000)}
        case ["session", status]:
            session_id = _control(stand_ins_url, "tokens", {"email": email})["session_id"]
            data = {"object": "session", "id": session_id, "user_id": user_id, "status": status}
        case _:
            data = {"object": event_type.partition(".")[0], "id": user_id}
    body = json.dumps(event_of(event_type, data)).encode()
    headers = headers_of(body, event_id=new_event_id())
    return httpx.post(f"{api_url}{CLERK_PATH}", content=body, headers=headers, timeout=30).status_code


def _control(stand_ins_url: str, name: str, order: Mapping[str, Any]) -> Any:
    reply = httpx.post(f"{stand_ins_url}/__control/{name}", json=order, timeout=10)
    return reply.raise_for_status().json()
