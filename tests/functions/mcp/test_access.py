"""Who may call the MCP server: tokens, keys, hosts and origins, checked before the body is read."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from mcp import Client
from sqlalchemy import select
from sqlalchemy.orm import Session

from local.stack.configuration import CLERK_STAND_IN_SECRET_KEY
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn
from tests.functions.mcp.conftest import ORIGIN, CallTool, with_key
from whyviral.analytics.models import ApiAccessLog

UNREADABLE = b"{"
"""A body whose reading would be reported as an error of JSON."""


def post(url: str, headers: dict[str, str], body: bytes = UNREADABLE) -> httpx.Response:
    accepted = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    return httpx.post(url, content=body, headers=accepted | headers)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "not_authenticated"),
        ("", "not_authenticated"),
        ("Basic YTpi", "not_authenticated"),
        ("Bearer", "not_authenticated"),
        ("Bearer no-token", "invalid_token"),
        ("Bearer ak_unknown0000000000000000000000", "invalid_api_key"),
    ],
)
def test_a_caller_without_a_valid_token_gets_401_before_the_body_is_read(
    url: str, authorization: str | None, code: str
) -> None:
    reply = post(url, {} if authorization is None else {"Authorization": authorization})

    assert (reply.status_code, reply.headers["WWW-Authenticate"], reply.json()["code"]) == (401, "Bearer", code)
    assert reply.json()["request_id"] == reply.headers["X-Request-Id"]


def test_an_expired_session_token_is_refused(url: str, stand_ins: StandInsClient, free_user: SignedIn) -> None:
    token = stand_ins.token(
        str(free_user.user.email), overrides={"sub": free_user.user.clerk_user_id, "iat": 1, "nbf": 1, "exp": 2}
    )["token"]

    reply = post(url, with_key(token))

    assert (reply.status_code, reply.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_an_ended_key_is_refused(
    url: str, stand_ins: StandInsClient, create_key: Callable[..., dict[str, Any]], state: str
) -> None:
    key = create_key(**({"seconds_until_expiration": -1} if state == "expired" else {}))
    if state == "revoked":
        headers = {"Authorization": f"Bearer {CLERK_STAND_IN_SECRET_KEY}"}
        stand_ins.http.post(f"/clerk/v1/api_keys/{key['id']}/revoke", json={}, headers=headers).raise_for_status()

    reply = post(url, with_key(key["secret"]))

    assert (reply.status_code, reply.json()["code"]) == (401, "invalid_api_key")
    assert state in reply.json()["error"]


def test_a_key_calls_tools_as_its_user(call_tool: CallTool, create_key: Callable[..., dict[str, Any]]) -> None:
    result = call_tool("list_analyses", with_key(create_key()["secret"]))

    assert (result.is_error, result.structured_content["count"]) == (False, 0)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("analyze_posts", {"post_urls": ["https://x.com/jack/status/20"]}),
        ("ask_about_analysis", {"post_analysis_id": "7d9f43c4-94b0-4d0e-a65e-f9f7f4d8c3de", "question": "Why?"}),
    ],
)
def test_a_read_only_key_reads_and_starts_nothing(
    call_tool: CallTool, create_key: Callable[..., dict[str, Any]], tool: str, arguments: dict[str, Any]
) -> None:
    headers = with_key(create_key(scopes=["analysis:read"])["secret"])

    result = call_tool(tool, headers, **arguments)

    assert not call_tool("get_usage", headers).is_error
    assert result.is_error
    assert result.structured_content["code"] == "api_key_scope_missing"
    assert "analysis:write" in result.structured_content["error"]


def test_a_key_that_may_not_read_is_refused(url: str, create_key: Callable[..., dict[str, Any]]) -> None:
    reply = post(url, with_key(create_key(scopes=["analysis:write"])["secret"]))

    assert (reply.status_code, reply.json()["code"]) == (403, "api_key_scope_missing")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Host": "evil.example"}, 400, "unknown_host"),
        ({"Origin": "https://evil.example"}, 403, "origin_not_allowed"),
        ({"Origin": "null"}, 403, "origin_not_allowed"),
    ],
)
def test_a_foreign_host_or_origin_is_refused(
    url: str, free_user: SignedIn, headers: dict[str, str], status: int, code: str
) -> None:
    reply = post(url, free_user.headers | headers)

    assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_a_page_of_an_allowed_origin_may_call(url: str, free_user: SignedIn) -> None:
    preflight = httpx.options(
        url,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, mcp-protocol-version",
        },
    )
    reply = post(url, free_user.headers | {"Origin": ORIGIN})

    assert preflight.status_code == 200
    assert reply.status_code == 400  # the body is not JSON
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_another_method_is_refused(url: str, free_user: SignedIn, method: str) -> None:
    reply = httpx.request(method, url, headers=free_user.headers)

    assert (reply.status_code, reply.headers["Allow"], reply.json()["code"]) == (405, "POST", "method_not_allowed")


def test_another_path_does_not_exist(url: str, free_user: SignedIn) -> None:
    reply = post(f"{url}/admin", free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


def test_a_body_over_one_mebibyte_is_refused(url: str, free_user: SignedIn) -> None:
    assert post(url, free_user.headers, b" " * (1024 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"\xff", b"[" * 5_000, json.dumps({"jsonrpc": "2.0", "id": 1}).encode()]
)
def test_a_body_that_is_no_message_is_refused(url: str, free_user: SignedIn, body: bytes) -> None:
    assert post(url, free_user.headers, body).status_code == 400


def test_a_call_is_recorded_with_its_user(url: str, call_tool: CallTool, rows: Session, free_user: SignedIn) -> None:
    call_tool("get_usage")
    call_tool("get_analysis", analysis_id="wrong")

    accesses = rows.scalars(select(ApiAccessLog).where(ApiAccessLog.route == "/mcp").order_by(ApiAccessLog.id)).all()

    assert free_user.user.id in {access.user_id for access in accesses}
    assert "invalid_request" in {access.error_code for access in accesses}


def test_both_generations_of_the_protocol_are_served(connect: Callable[..., Any], free_user: SignedIn) -> None:
    async def version(client: Client) -> str:
        await client.list_tools()
        return str(client.protocol_version)

    versions = {mode: connect(free_user.headers, version, mode=mode) for mode in ("legacy", "auto")}

    assert versions == {"legacy": "2025-11-25", "auto": "2026-07-28"}
