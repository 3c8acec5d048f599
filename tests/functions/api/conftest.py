"""Fixtures for tests of the API. The database keeps committed rows, so each test has its own user."""

import dataclasses
import io
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import HttpUrl, SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.api.app import create_app
from functions.api.settings import ApiSettings
from local.database import product
from local.database.postgres import Postgres
from local.stack.configuration import CLERK_STAND_IN_PUBLISHABLE_KEY, CLERK_STAND_IN_SECRET_KEY, STAND_IN_KEY
from local.stand_ins.dodo.account import API_KEY
from tests.factories import create_subscription, create_user
from tests.fakes.delivery_queue import FakeDeliveryQueue
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.stand_ins import StandInsClient
from tools.openapi import render_openapi
from whyviral.accounts.models import User
from whyviral.core.database import Base, build_engine
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.throttling.models import RateWindow

HOST = "api.example.com"
ORIGIN = "https://app.example.com"
STORAGE = "https://project.supabase.co"
BASE_URL = "https://api.example.com/live"
POST_URL = "https://x.com/jack/status/20"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user and the headers that authenticate the user."""

    user: User
    headers: dict[str, str]


@pytest.fixture(scope="session")
def api_database_url(postgres: Postgres, template: str) -> str:
    """The database that all tests of the API share. Each test has its own user."""
    product.create_database(postgres, "api", template=template)
    return product.app_url(postgres, "api")


@pytest.fixture(scope="session")
def api_engine(api_database_url: str) -> Iterator[Engine]:
    """The engine for rows that a test writes and reads beside the API."""
    engine = build_engine(api_database_url, pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture
def rows(api_engine: Engine) -> Iterator[Session]:
    """A session for the test's own rows, which the test commits."""
    with Session(api_engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def settings(api_database_url: str) -> ApiSettings:
    return _settings(api_database_url)


def _settings(database_url: str) -> ApiSettings:
    return ApiSettings(
        supabase_db_url=SecretStr(database_url),
        clerk_publishable_key=CLERK_STAND_IN_PUBLISHABLE_KEY,
        clerk_secret_key=SecretStr(CLERK_STAND_IN_SECRET_KEY),
        gemini_api_key=SecretStr(STAND_IN_KEY),
        state_machine_arn="arn:aws:states:eu-central-1:000000000000:stateMachine:fake",
        delivery_queue_url="https://sqs.example.com/deliveries",
        public_base_url=HttpUrl(BASE_URL),
        frontend_url=HttpUrl(ORIGIN),
        supabase_url=HttpUrl(STORAGE),
        dodo_api_key=SecretStr(API_KEY),
        dodo_mode=DodoMode.TEST,
        allowed_hosts=(HOST, "127.0.0.1"),
        cors_allowed_origins=(ORIGIN,),
    )


@pytest.fixture
def workflow() -> FakeWorkflow:
    return FakeWorkflow()


@pytest.fixture
def deliveries() -> FakeDeliveryQueue:
    return FakeDeliveryQueue()


@cache
def _routes() -> APIRouter:
    """Return the routes, which do not depend on the settings and are shared.

    FastAPI analyses a route at its first request, which takes longer than most tests.
    """
    return create_app(_settings("postgresql://unused@127.0.0.1:1/unused")).router


@pytest.fixture
def app(
    settings: ApiSettings, workflow: FakeWorkflow, deliveries: FakeDeliveryQueue, local_endpoints: Endpoints
) -> Iterator[FastAPI]:
    app = create_app(settings)
    app.router = _routes()
    replace_services(app, workflow=workflow, deliveries=deliveries, answer_step_s=0.0, progress_stream_s=0.0)
    yield app
    app.state.services.engine.dispose()


def replace_services(app: FastAPI, **services: Any) -> None:
    """Replace collaborators of the application."""
    app.state.services = dataclasses.replace(app.state.services, **services)


@pytest.fixture
def client(app: FastAPI, check_error_codes: "ErrorCodesCheck") -> Iterator[TestClient]:
    with TestClient(app, base_url=f"http://{HOST}", follow_redirects=False) as client:
        client.event_hooks = {"response": [check_error_codes]}
        yield client


@pytest.fixture(scope="session")
def check_error_codes() -> "ErrorCodesCheck":
    """The check of error codes, built once because the OpenAPI description is slow to build."""
    return ErrorCodesCheck(json.loads(render_openapi())["paths"])


class ErrorCodesCheck:
    """Checks that the description of an operation lists the error code of each answer."""

    def __init__(self, paths: dict[str, Any]) -> None:
        self._paths = paths
        self._routes = {re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): path for path in self._paths}

    def __call__(self, response: httpx.Response) -> None:
        path = response.request.url.path.rstrip("/") + "/"
        route = next((route for pattern, route in self._routes.items() if pattern.fullmatch(path)), None)
        operation = self._paths[route].get(response.request.method.lower()) if route else None
        if operation is None or response.status_code < 400 or "/health/" in path:
            return
        response.read()
        described = operation["responses"][str(response.status_code)]
        codes = described["content"]["application/json"]["schema"]["properties"]["code"]["enum"]
        assert response.json()["code"] in codes, (response.request.method, route)
        assert "retry-after" not in response.headers or "Retry-After" in described["headers"]


@pytest.fixture
def sign_in(stand_ins: StandInsClient, rows: Session) -> Callable[..., SignedIn]:
    """Return a function that creates a user with a plan and a token."""

    def sign_in(plan: str | None = "free", **columns: Any) -> SignedIn:
        user = create_user(rows, **columns)
        if plan is not None:
            create_subscription(rows, user, plan=plan)
        rows.commit()
        token = stand_ins.token(str(user.email), overrides={"sub": user.clerk_user_id})["token"]
        return SignedIn(user, {"Authorization": f"Bearer {token}"})

    return sign_in


@pytest.fixture
def free_user(sign_in: Callable[..., SignedIn]) -> SignedIn:
    return sign_in()


@pytest.fixture
def count_rows(rows: Session) -> Callable[[], dict[str, int]]:
    """Return a function that counts the rows of every table except the access log, which grows with each request."""

    def count() -> dict[str, int]:
        tables = [table.name for table in Base.metadata.sorted_tables if table.name != "api_access_logs"]
        statement = " union all ".join(f"select '{table}', count(*) from {table}" for table in tables)  # noqa: S608
        counts = {row[0]: row[1] for row in rows.execute(text(statement))}
        rows.rollback()
        return counts

    return count


@pytest.fixture
def logged(app: FastAPI) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that returns the log lines of the API so far, as CloudWatch would get them."""
    logger = logging.getLogger("api")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.handlers[0].formatter)
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


@pytest.fixture
def email() -> str:
    """An e-mail address that is unknown to Clerk."""
    return f"new{time.monotonic_ns()}@example.com"


@pytest.fixture
def post(client: TestClient, rows: Session) -> Callable[..., tuple[int, Any]]:
    """Return a function that posts a body and returns status and answer. Resets all rate limits first."""
    rows.query(RateWindow).delete()
    rows.commit()

    def post(path: str, **body: Any) -> tuple[int, Any]:
        reply = client.post(path, json=body)
        return reply.status_code, reply.json()

    return post
