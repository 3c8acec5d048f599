"""The server under Mangum, with events of API Gateway."""

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from mangum import Mangum

from functions.mcp.app import create_app
from functions.mcp.services import Services
from functions.mcp.settings import McpSettings
from tests.functions.api.conftest import SignedIn
from tests.functions.api.test_handler import REQUEST_ID, proxy_event
from whyviral.core.runner import run_inline


@pytest.fixture
def handler(settings: McpSettings, services: Services) -> Iterator[Mangum]:
    """The handler, with an event loop that Mangum creates on Lambda once per sandbox."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield Mangum(create_app(settings, dataclasses.replace(services, run=run_inline)), lifespan="off")
    asyncio.set_event_loop(None)
    loop.close()


def call(handler: Mangum, headers: dict[str, str], method: str, params: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    accepted = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    host = {"Host": "127.0.0.1"}
    event = proxy_event("POST", "/mcp", headers=accepted | host | headers, body=body)
    answer: dict[str, Any] = handler(event, None)  # type: ignore[arg-type]
    assert answer["headers"]["x-request-id"] == REQUEST_ID
    return answer


def test_a_sandbox_answers_one_call_after_another(handler: Mangum, free_user: SignedIn) -> None:
    answers = [
        call(handler, free_user.headers, "tools/call", {"name": "get_usage", "arguments": {}}),
        call(handler, {}, "tools/list", {}),
        call(handler, free_user.headers, "tools/list", {}),
    ]

    assert [answer["statusCode"] for answer in answers] == [200, 401, 200]
    assert json.loads(answers[0]["body"])["result"]["structuredContent"]["limits"]["plan"] == "free"
    assert answers[1]["headers"]["www-authenticate"] == "Bearer"
    assert len(json.loads(answers[2]["body"])["result"]["tools"]) == 5
