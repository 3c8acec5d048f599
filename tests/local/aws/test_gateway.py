"""API Gateway on one machine: which function gets a request."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from local.aws.gateway import FUNCTION_OF_PATH, FunctionGateway
from local.aws.template import load_document

ROOT = Path(__file__).parents[3]


def gateway(invoke: Callable[[str, bytes], bytes | None]) -> TestClient:
    return TestClient(FunctionGateway(PlainTextResponse("the application"), invoke=invoke))


@pytest.mark.parametrize("path", ["/api/accounts/webhook/", "/admin/", "/mcp/", "/mcpx", "/api/mcp", "/"])
def test_the_requests_of_no_other_function_reach_the_application(path: str) -> None:
    client = gateway(lambda *_: pytest.fail("a request of the application"))

    assert client.get(path).text == "the application"


@pytest.mark.parametrize("path", ["/mcp", "/mcp/x", "/mcp//"])
def test_a_request_of_another_function_reaches_it_with_its_query(path: str) -> None:
    events: list[tuple[str, dict[str, Any]]] = []

    def invoke(function: str, event: bytes) -> bytes:
        events.append((function, json.loads(event)))
        return json.dumps({"statusCode": 202, "headers": {}, "body": ""}).encode()

    reply = gateway(invoke).post(path, params={"a": ["1", "2"], "b": ""})

    ((function, event),) = events
    assert (reply.status_code, function, event["path"]) == (202, "McpFunction", path)
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [""]}


def test_an_answer_in_base64_is_decoded() -> None:
    document = {"statusCode": 200, "headers": {}, "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}

    assert gateway(lambda *_: json.dumps(document).encode()).get("/mcp").content == b"\xff"


def test_the_paths_are_those_of_the_template() -> None:
    paths = {
        event["Properties"]["Path"]: name
        for name, resource in load_document(ROOT / "template.yaml")["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function" and name not in ("ApiFunction", "StreamFunction")
        for event in (resource["Properties"].get("Events") or {}).values()
        if event["Type"] == "Api"
    }

    assert paths == FUNCTION_OF_PATH
