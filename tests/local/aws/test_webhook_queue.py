"""Webhooks on one machine: the gateway and the queue."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from local.aws import webhook_queue
from local.aws.gateway import FUNCTION_OF_PATH, FunctionGateway, lambda_invoker
from local.aws.lambda_service import LambdaService
from local.aws.sandbox import Invocation
from local.aws.template import FunctionSpec, load_document
from local.aws.workflow import Workflow
from tests.fixtures.waits import wait_until

NOTHING = json.dumps({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
ANSWER = {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": '{"received": true}'}


def gateway(invoke: Callable[[bytes], bytes | None]) -> TestClient:
    return TestClient(FunctionGateway(PlainTextResponse("the application"), invoke=lambda _, event: invoke(event)))


@pytest.mark.parametrize("path", ["/api/accounts/webhook/clerk/", "/api/billing/webhook/dodo"])
def test_a_webhook_reaches_its_function_byte_for_byte_and_gets_its_answer(path: str) -> None:
    events: list[dict[str, Any]] = []

    def invoke(event: bytes) -> bytes:
        events.append(json.loads(event))
        return json.dumps(ANSWER).encode()

    reply = gateway(invoke).post(path, content=b'{"a":\xff 1}', headers={"Svix-Id": "msg_1"})

    assert (reply.status_code, reply.json()) == (201, {"received": True})
    (event,) = events
    assert (event["path"], event["httpMethod"], event["headers"]["svix-id"]) == (path, "POST", "msg_1")
    assert base64.b64decode(event["body"]) == b'{"a":\xff 1}'
    assert event["requestContext"]["identity"]["sourceIp"] == "testclient"


def test_the_gateway_knows_the_paths_that_the_template_gives_to_other_functions() -> None:
    resources = load_document(Path(__file__).parents[3] / "template.yaml")["Resources"]
    paths = {
        event["Properties"]["Path"]: name
        for name, resource in resources.items()
        for event in (resource.get("Properties", {}).get("Events") or {}).values()
        if event["Type"] == "Api" and name not in ("ApiFunction", "StreamFunction")
    }

    assert paths == FUNCTION_OF_PATH


@pytest.mark.parametrize(
    ("path", "function"),
    [("/admin", "AdminFunction"), ("/admin/home", "AdminFunction"), ("/admin/", None), ("/administrator", None)],
)
def test_a_greedy_path_needs_one_character(path: str, function: str | None) -> None:
    invoked: list[str] = []

    def invoke(name: str, _event: bytes) -> bytes:
        invoked.append(name)
        return json.dumps(ANSWER).encode()

    TestClient(FunctionGateway(PlainTextResponse("the application"), invoke=invoke)).get(path)

    assert invoked == ([] if function is None else [function])


def test_queries_schemes_and_repeated_headers_pass_the_gateway_as_they_do_at_aws() -> None:
    events: list[dict[str, Any]] = []
    answer = {
        "statusCode": 200,
        "headers": {"Content-Type": "image/png"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": base64.b64encode(b"\x89PNG").decode(),
        "isBase64Encoded": True,
    }

    def invoke(_name: str, event: bytes) -> bytes:
        events.append(json.loads(event))
        return json.dumps(answer).encode()

    client = TestClient(FunctionGateway(PlainTextResponse("the application"), invoke=invoke))
    reply = client.get("/admin/user/list?a=1&a=2&b=%20")

    assert (reply.content, reply.headers.get_list("set-cookie")) == (b"\x89PNG", ["a=1", "b=2"])
    (event,) = events
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [" "]}
    assert (event["headers"]["x-forwarded-proto"], event["resource"]) == ("http", "/admin/{proxy+}")


def test_requests_other_than_webhooks_reach_the_application() -> None:
    client = gateway(lambda _: pytest.fail("not a webhook"))

    assert client.get("/api/accounts/webhooks/").text == "the application"


def test_waiting_webhooks_do_not_occupy_the_threads_of_the_api() -> None:
    is_over = threading.Event()

    def invoke(_event: bytes) -> bytes:
        is_over.wait(60)
        return json.dumps(ANSWER).encode()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await run_in_threadpool(time.sleep, 0)
        await PlainTextResponse("the application")(scope, receive, send)

    async def ask() -> tuple[int, list[int]]:
        transport = httpx.ASGITransport(FunctionGateway(answer, invoke=lambda _, event: invoke(event)))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            waiting = [asyncio.create_task(client.post("/api/billing/webhook/dodo")) for _ in range(60)]
            try:
                await asyncio.sleep(0.1)  # until they occupy all of their threads
                async with asyncio.timeout(20):
                    status = (await client.get("/api/accounts/me/")).status_code
            finally:
                is_over.set()
            return status, [reply.status_code for reply in await asyncio.gather(*waiting)]

    assert asyncio.run(ask()) == (200, [201] * 60)


def test_a_failed_function_is_answered_with_the_gateways_error() -> None:
    assert gateway(lambda _: None).post("/api/accounts/webhook/clerk/").status_code == 502


def test_a_body_over_the_limit_of_api_gateway_is_refused() -> None:
    client = gateway(lambda _: pytest.fail("too large"))

    assert client.post("/api/accounts/webhook/clerk/", content=b" " * (10 * 1024 * 1024 + 1)).status_code == 413


def test_a_function_can_be_invoked_from_another_process(tmp_path: Path) -> None:
    functions = {name: FunctionSpec(name, f"tests.local.handlers.plain.{name.lower()}") for name in ("Echo", "Fail")}
    with (
        LambdaService(functions, environment=lambda _: {}, log_folder=tmp_path) as lambdas,
        Workflow("nothing", NOTHING, lambdas.invoke),
    ):
        answers = [lambda_invoker()(name, b'{"a": 1}') for name in functions]

    assert answers[1] is None
    assert json.loads(answers[0] or b"")


def test_a_message_is_delivered_until_it_is_processed_or_has_failed_five_times() -> None:
    received: list[str] = []

    def invoke(name: str, payload: bytes) -> Invocation:
        assert name == webhook_queue.FUNCTION
        records = json.loads(payload)["Records"]
        received.extend(record["body"] for record in records)
        failed = [record["messageId"] for record in records if record["body"] != "good"]
        failures = [{"itemIdentifier": message_id} for message_id in failed]
        return Invocation(json.dumps({"batchItemFailures": failures}).encode())

    with Workflow("nothing", NOTHING, invoke), webhook_queue.queue(invoke, visibility_s=0) as url:
        sqs = boto3.client("sqs")
        for body in ("good", "bad"):
            sqs.send_message(QueueUrl=url, MessageBody=body)
        wait_until(lambda: received.count("bad") >= 5)
        dead_url = sqs.get_queue_url(QueueName="webhooks-dead")["QueueUrl"]
        wait_until(lambda: bool(sqs.receive_message(QueueUrl=dead_url).get("Messages")))
        sqs.close()

    assert (received.count("good"), received.count("bad")) == (1, 5)


def test_the_messages_of_a_killed_function_are_delivered_again() -> None:
    calls: list[bytes] = []

    def invoke(_name: str, payload: bytes) -> Invocation:
        calls.append(payload)
        return Invocation(b'{"batchItemFailures": []}', "Unhandled" if len(calls) == 1 else None)

    with Workflow("nothing", NOTHING, invoke), webhook_queue.queue(invoke, visibility_s=0) as url:
        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=url, MessageBody="once")
        wait_until(lambda: len(calls) == 2)
        time.sleep(0.5)
        sqs.close()

    assert len(calls) == 2
