"""Fixtures for tests of the MCP server: a server on loopback, and the official client."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from threading import Thread
from time import sleep
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from pydantic import SecretStr
from sqlalchemy import delete
from sqlalchemy.orm import Session

from functions.mcp.app import create_app
from functions.mcp.services import Services, build_services
from functions.mcp.settings import McpSettings
from local.database import product
from local.database.postgres import Postgres
from local.stack.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY, CLERK_STAND_IN_SECRET_KEY, STAND_IN_KEY
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn, api_engine, free_user, rows, sign_in, workflow
from whyviral.core.endpoints import Endpoints
from whyviral.core.runner import run_in_thread
from whyviral.throttling.models import RateWindow

__all__ = ["api_engine", "free_user", "rows", "sign_in", "workflow"]
ORIGIN = "https://app.example.com"


@pytest.fixture(scope="session")
def api_database_url(postgres: Postgres, template: str) -> str:
    """The database that all tests of the server share. Each test has its own user."""
    product.create_database(postgres, "mcp", template=template)
    return product.app_url(postgres, "mcp")


@pytest.fixture
def settings(api_database_url: str) -> McpSettings:
    return McpSettings(
        supabase_db_url=SecretStr(api_database_url),
        db_pool_size=2,
        clerk_publishable_key=CLERK_STAND_IN_PUBLISHABLE_KEY,
        clerk_secret_key=SecretStr(CLERK_STAND_IN_SECRET_KEY),
        gemini_api_key=SecretStr(STAND_IN_KEY),
        state_machine_arn="arn:aws:states:eu-central-1:000000000000:stateMachine:fake",
        allowed_hosts=("127.0.0.1",),
        cors_allowed_origins=(ORIGIN,),
    )


@pytest.fixture
def services(settings: McpSettings, workflow: FakeWorkflow, local_endpoints: Endpoints) -> Iterator[Services]:
    services = dataclasses.replace(build_services(settings, run=run_in_thread), workflow=workflow)
    yield services
    services.engine.dispose()


@pytest.fixture
def url(settings: McpSettings, services: Services) -> Iterator[str]:
    """The address of the running server."""
    app = create_app(settings, services)
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="error", access_log=False, lifespan="off"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    server.should_exit = True
    thread.join()


@pytest.fixture
def connect(url: str) -> Callable[..., Any]:
    """Return a function that opens the official client with these headers, and returns what the work returns."""

    def connect[Result](
        headers: dict[str, str], work: Callable[[Client], Awaitable[Result]], *, mode: str = "auto"
    ) -> Result:
        async def run() -> Result:
            async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
                transport = streamable_http_client(url, http_client=http)
                async with Client(transport, mode=mode) as client:
                    try:
                        return await work(client)
                    except MCPError as exc:
                        failure = exc
                raise failure  # outside of the client, which would make it a part of a group

        return asyncio.run(run())

    return connect


type CallTool = Callable[..., CallToolResult]


@pytest.fixture
def call_tool(connect: Callable[..., Any], free_user: SignedIn) -> CallTool:
    """Return a function that calls a tool, as the free user unless `headers` name another caller."""

    def call(name: str, headers: dict[str, str] | None = None, /, **arguments: Any) -> CallToolResult:
        async def work(client: Client) -> Any:
            return await client.call_tool(name, arguments)

        result: CallToolResult = connect(headers or free_user.headers, work)
        return result

    return call


@pytest.fixture
def create_key(stand_ins: StandInsClient, free_user: SignedIn, rows: Session) -> Callable[..., dict[str, Any]]:
    """Return a function that creates an API key of the free user at Clerk."""
    rows.execute(delete(RateWindow))
    rows.commit()

    def create_key(**fields: Any) -> dict[str, Any]:
        body = {"name": "agent", "subject": free_user.user.clerk_user_id} | fields
        headers = {"Authorization": f"Bearer {CLERK_STAND_IN_SECRET_KEY}"}
        answer: dict[str, Any] = stand_ins.http.post("/clerk/v1/api_keys", json=body, headers=headers).json()
        return answer

    return create_key


def with_key(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
