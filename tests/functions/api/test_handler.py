"""The application under Mangum, with events as a REST API of API Gateway sends them."""

import asyncio
import base64
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from mangum import Mangum
from sqlalchemy import select
from sqlalchemy.orm import Session

from functions.api.settings import ApiSettings
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import HOST, ORIGIN, POST_URL, SignedIn, replace_services
from whyviral.accounts.models import User
from whyviral.analytics.models import AuthenticationLog
from whyviral.core.runner import run_inline
from whyviral.core.settings import SettingsError

REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
STAGE = "live"

type Invoke = Callable[..., dict[str, Any]]


def proxy_event(
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    body: str | None = None,
    is_base64: bool = False,
) -> dict[str, Any]:
    """Return an event of payload version 1.0, where only the context's path contains the stage."""
    headers = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"} | (headers or {})
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "path": f"/{STAGE}{path}",
            "protocol": "HTTP/1.1",
            "stage": STAGE,
            "domainName": HOST,
            "requestId": REQUEST_ID,
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "test"},
            "apiId": "abcdefghij",
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


@pytest.fixture(autouse=True)
def event_loop() -> Iterator[None]:
    """An event loop for the test. On Lambda, Mangum creates one per sandbox."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def invoke(app: FastAPI) -> Invoke:
    replace_services(app, run=run_inline)  # as the entry point does
    handler = Mangum(app, lifespan="off")

    def invoke(method: str, path: str, **fields: Any) -> dict[str, Any]:
        answer: dict[str, Any] = handler(proxy_event(method, path, **fields), None)  # type: ignore[arg-type]
        assert answer["isBase64Encoded"] is False
        assert answer["headers"]["x-request-id"] == REQUEST_ID
        return answer

    return invoke


@pytest.mark.parametrize("path", ["/api/analysis/requests/", "/api/analysis/requests"])
def test_a_get_is_answered_with_and_without_a_slash(invoke: Invoke, free_user: SignedIn, path: str) -> None:
    answer = invoke("GET", path, headers=free_user.headers, query={"page": "1"})

    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "application/json")
    assert json.loads(answer["body"]) == {"count": 0, "next": None, "previous": None, "results": []}


@pytest.mark.parametrize("path", ["/api/analysis/analyze/", "/api/analysis/analyze"])
@pytest.mark.parametrize("is_base64", [False, True])
def test_a_post_is_answered_with_a_plain_and_with_a_base64_body(
    invoke: Invoke, free_user: SignedIn, path: str, is_base64: bool
) -> None:
    body = json.dumps({"post_urls": [POST_URL]})
    if is_base64:
        body = base64.b64encode(body.encode()).decode()

    answer = invoke(
        "POST", path, headers=free_user.headers | {"content-type": "application/json"}, body=body, is_base64=is_base64
    )

    assert answer["statusCode"] == 202
    assert json.loads(answer["body"])["requests"][0]["post_urls"] == ["https://x.com/i/status/20"]


@pytest.mark.parametrize(
    ("method", "path", "fields", "status", "code"),
    [
        ("GET", "/api/analysis/requests/", {}, 401, "not_authenticated"),
        ("POST", "/api/analysis/analyze/", {"body": None}, 401, "not_authenticated"),
        ("GET", "/nothing", {}, 404, "not_found"),
        ("PUT", "/api/analysis/analyze/", {}, 405, "method_not_allowed"),
        ("GET", "/health/", {"headers": {"Host": "evil.example"}}, 400, "unknown_host"),
    ],
)
def test_an_error_has_the_common_form_and_the_id_of_the_gateway(
    invoke: Invoke, method: str, path: str, fields: dict[str, Any], status: int, code: str
) -> None:
    answer = invoke(method, path, **fields)

    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["code"], body["request_id"]) == (status, code, REQUEST_ID)


def test_a_post_without_a_body_is_refused(invoke: Invoke, free_user: SignedIn) -> None:
    answer = invoke("POST", "/api/analysis/analyze/", headers=free_user.headers)

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (422, "invalid_request")


def test_a_body_that_is_too_large_is_refused(invoke: Invoke, free_user: SignedIn) -> None:
    answer = invoke("POST", "/api/analysis/analyze/", headers=free_user.headers, body="x" * 5_000_000)

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (413, "body_too_large")


def test_a_preflight_is_answered(invoke: Invoke) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}

    answer = invoke("OPTIONS", "/api/analysis/analyze/", headers=asked)

    assert (answer["statusCode"], answer["headers"]["access-control-allow-origin"]) == (200, ORIGIN)


def test_the_documentation_works_behind_the_stage(invoke: Invoke) -> None:
    page, description = invoke("GET", "/docs"), invoke("GET", "/openapi.json")

    assert f'data-description="/{STAGE}/openapi.json"' in page["body"]
    assert json.loads(description["body"])["servers"] == [{"url": f"/{STAGE}"}]


def test_one_sandbox_serves_many_requests(invoke: Invoke, free_user: SignedIn) -> None:
    statuses = [invoke("GET", "/api/analysis/requests/", headers=free_user.headers)["statusCode"] for _ in range(5)]

    assert statuses == [200] * 5


def test_a_get_that_has_to_write_may_write(invoke: Invoke, stand_ins: StandInsClient, rows: Session) -> None:
    overrides = {"act": {"iss": "x", "sid": "sess_admin", "sub": "user_admin"}}
    new = stand_ins.token("impersonated-first@example.com", overrides=overrides)

    answer = invoke("GET", "/api/accounts/me/", headers={"Authorization": f"Bearer {new['token']}"})

    user = rows.scalars(select(User).where(User.clerk_user_id == new["user_id"])).one()
    assert (answer["statusCode"], json.loads(answer["body"])["id"]) == (200, str(user.id))
    logs = rows.scalars(select(AuthenticationLog).where(AuthenticationLog.user_id == user.id)).all()
    assert [(log.event, log.actor) for log in logs] == [("impersonation", "user_admin")]


@pytest.fixture
def entry_point(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that imports the entry point again with these environment variables."""

    def load(environment: dict[str, str]) -> Any:
        for name in ApiSettings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delitem(sys.modules, "functions.api.handler", raising=False)
        return importlib.import_module("functions.api.handler")

    return load


def environment_of(settings: ApiSettings) -> dict[str, str]:
    return {
        "SUPABASE_DB_URL": settings.supabase_db_url.get_secret_value(),
        "CLERK_PUBLISHABLE_KEY": settings.clerk_publishable_key,
        "CLERK_SECRET_KEY": settings.clerk_secret_key.get_secret_value(),
        "GEMINI_API_KEY": "stand-in",
        "STATE_MACHINE_ARN": settings.state_machine_arn,
        "DELIVERY_QUEUE_URL": settings.delivery_queue_url,
        "PUBLIC_BASE_URL": str(settings.public_base_url),
        "FRONTEND_URL": str(settings.frontend_url),
        "SUPABASE_URL": str(settings.supabase_url),
        "DODO_API_KEY": settings.dodo_api_key.get_secret_value(),
        "DODO_MODE": "test",
        "ALLOWED_HOSTS": f" {HOST} , other.example.com,",
        "CORS_ALLOWED_ORIGINS": "",
    }


def test_the_entry_point_reads_its_settings_from_the_environment(
    entry_point: Callable[..., Any], settings: ApiSettings
) -> None:
    handler = entry_point(environment_of(settings)).handler

    answers = [
        handler(proxy_event("GET", "/health/ready", headers={"Host": host}), None)
        for host in (HOST, "other.example.com", "third.example.com")
    ]
    handler.app.state.services.engine.dispose()

    assert [answer["statusCode"] for answer in answers] == [200, 200, 400]


@pytest.mark.parametrize(
    "missing", ["SUPABASE_DB_URL", "CLERK_SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_BASE_URL", "DODO_MODE"]
)
def test_a_missing_setting_is_a_start_up_error_that_names_it(
    entry_point: Callable[..., Any], settings: ApiSettings, missing: str
) -> None:
    environment = environment_of(settings)
    del environment[missing]

    with pytest.raises(SettingsError, match=rf"{missing}: Field required$"):
        entry_point(environment)


def test_an_invalid_setting_is_an_error_that_does_not_show_its_value(
    entry_point: Callable[..., Any], settings: ApiSettings
) -> None:
    with pytest.raises(SettingsError) as caught:
        entry_point(environment_of(settings) | {"PUBLIC_BASE_URL": "not-an-address"})

    assert "PUBLIC_BASE_URL" in str(caught.value)
    assert "not-an-address" not in str(caught.value)


IMPORT_WITHOUT_NETWORK = """
import random
import sys

from snapshot_restore_py import get_after_restore

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind"):
        raise SystemExit(f"{event} while the module is imported")

sys.addaudithook(refuse)
import functions.api.handler
print("boto3" in sys.modules, [hook for hook, *_ in get_after_restore()] == [random.seed])
"""


def test_a_snapshot_holds_no_connection_no_client_of_aws_and_no_randomness_that_sandboxes_share(
    settings: ApiSettings,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_WITHOUT_NETWORK],
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("False True\n", "")
