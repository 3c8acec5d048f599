"""Webhooks on one machine: API Gateway's part, the queue's part, and sample events to send."""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.interpreter import Invoke
from local.lambda_runtime import LambdaServiceClosed
from local.stand_ins.clerk_webhooks import event_of, headers_of, new_event_id

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

FUNCTION = "WebhooksFunction"
CLERK_PATH = "/api/accounts/webhook/clerk/"
_PATHS = ("/api/accounts/webhook/", "/api/billing/webhook/")
_MAX_GATEWAY_BYTES = 10 * 1024 * 1024
"""Source: AWS, "Quotas for REST APIs", payload size."""
_VISIBILITY_S = 20
_MOST_RECEIVES = 5
_POLL_S = 0.2


class WebhookGateway:
    """ASGI middleware that hands webhooks to their function as API Gateway does, and all else to the application."""

    def __init__(self, app: ASGIApp, *, invoke: Callable[[bytes], bytes | None]) -> None:
        """Wrap the application.

        Args:
            app: what answers everything else.
            invoke: runs the function with an event and returns its answer, or None when it failed; may block.
        """
        self._app = app
        self._invoke = invoke

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
            await self._app(scope, receive, send)
            return
        # Imported here: the stack needs the rest of this file without a web framework.
        from fastapi.concurrency import run_in_threadpool  # noqa: PLC0415

        request = Request(scope, receive)
        body = await request.body()
        if len(body) > _MAX_GATEWAY_BYTES:
            await Response(status_code=413)(scope, receive, send)
            return
        answer = await run_in_threadpool(self._invoke, json.dumps(_gateway_event(request, body)).encode())
        await _response(answer)(scope, receive, send)


def _gateway_event(request: Request, body: bytes) -> dict[str, Any]:
    address = request.client.host if request.client else None
    return {
        "resource": "/api/accounts/webhook/{proxy+}",
        "path": request.url.path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        "requestContext": {"requestId": str(uuid.uuid4()), "identity": {"sourceIp": address}},
    }


def _response(answer: bytes | None) -> Response:
    if answer is None:
        return Response('{"message": "Internal server error"}', 502, media_type="application/json")
    document = json.loads(answer)
    return Response(document["body"], document["statusCode"], headers=document["headers"])


def lambda_invoker(function: str) -> Callable[[bytes], bytes | None]:
    """Return what runs a function of the stack from another process, through the Lambda API of its moto server."""
    client = boto3.client("lambda", config=Config(read_timeout=30, retries={"total_max_attempts": 1}))

    def invoke(event: bytes) -> bytes | None:
        answer = client.invoke(FunctionName=function, Payload=event)
        return None if answer.get("FunctionError") else answer["Payload"].read()

    return invoke


@contextmanager
def webhook_queue(invoke: Invoke, *, visibility_s: int = _VISIBILITY_S) -> Iterator[str]:
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


def send_sample(api_url: str, event_type: str, *, user: Mapping[str, Any], session_id: str, secret: str) -> int:
    """Send a signed sample event of Clerk's about a user to the running system and return the status."""
    user_id = user["id"]
    data: dict[str, Any]
    match event_type.split("."):
        case ["user", "deleted"]:
            data = {"object": "user", "id": user_id, "deleted": True, "external_id": None}
        case ["user", _]:
            data = {**user, "updated_at": int(time.time() * 1000)}
        case ["session", status]:
            data = {"object": "session", "id": session_id, "user_id": user_id, "status": status}
        case _:
            data = {"id": user_id}
    body = json.dumps(event_of(event_type, data)).encode()
    headers = headers_of(body, event_id=new_event_id(), secret=secret)
    return httpx.post(f"{api_url}{CLERK_PATH}", content=body, headers=headers, timeout=30).status_code
