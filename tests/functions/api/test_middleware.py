"""Rules for every answer: request id, allowed hosts, trailing slashes, CORS and the common error form."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from functions.api.settings import ApiSettings
from tests.fakes.workflow import FakeWorkflow
from tests.functions.api.conftest import HOST, ORIGIN, POST_URL, SignedIn

ANALYZE = "/api/analysis/analyze/"
LIST = "/api/analysis/requests/"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
}


def break_down(_: uuid.UUID) -> None:
    """Fail with a bug."""
    raise RuntimeError("ada@example.com sk_test_stand_in")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("GET", "/api/nothing/", 404, "not_found"),
        ("GET", "/api/analysis/%00", 404, "not_found"),
        ("POST", "/healthy", 404, "not_found"),
        ("GET", ANALYZE, 405, "method_not_allowed"),
        ("DELETE", LIST, 405, "method_not_allowed"),
        ("POST", "/health/live/", 405, "method_not_allowed"),
        ("OPTIONS", LIST, 405, "method_not_allowed"),
        ("BREW", LIST, 405, "method_not_allowed"),
    ],
)
def test_an_unknown_address_is_answered_in_the_common_error_form(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    reply = client.request(method, path)

    assert reply.status_code == status
    body = reply.json()
    assert body.keys() == {"error", "code", "request_id"}
    assert (body["code"], body["request_id"]) == (code, reply.headers["X-Request-Id"])


def test_a_wrong_method_is_answered_with_the_allowed_ones(client: TestClient) -> None:
    assert client.get(ANALYZE).headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/health/live/", "/docs", "/openapi.json", LIST, "/nothing"])
def test_every_answer_has_a_unique_id_that_the_client_cannot_choose(client: TestClient, path: str) -> None:
    ids = {client.get(path, headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] for _ in range(2)}

    assert len(ids) == 2
    assert all(uuid.UUID(request_id).version == 4 for request_id in ids)


@pytest.mark.parametrize("path", [LIST, "/api/social/posts/analysis/7d9f43c4-94b0-4d0e-a65e-f9f7f4d8c3de/", "/health/"])
def test_a_path_works_with_and_without_a_trailing_slash(client: TestClient, free_user: SignedIn, path: str) -> None:
    with_slash, without = (
        client.get(path, headers=free_user.headers),
        client.get(path[:-1], headers=free_user.headers),
    )

    assert with_slash.status_code == without.status_code != 307
    assert {**with_slash.json(), "request_id": ""} == {**without.json(), "request_id": ""}


def test_a_post_without_a_slash_keeps_its_body(client: TestClient, free_user: SignedIn) -> None:
    reply = client.post(ANALYZE.rstrip("/"), json={"post_urls": [POST_URL]}, headers=free_user.headers)

    assert reply.status_code == 202


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}:8443", "127.0.0.1", "127.0.0.1:8000"])
def test_requests_to_allowed_hosts_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/health/live/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", f"{HOST}.evil.example", f"evil{HOST}", f"a.{HOST}", "[::1]:8000", f"{HOST}@evil.example"],
)
def test_requests_to_other_hosts_are_refused(client: TestClient, host: str) -> None:
    reply = client.get("/health/live/", headers={"Host": host})

    assert reply.status_code == 400
    assert reply.json() == {
        "error": "This server does not serve that host name. Check the address of the request.",
        "code": "unknown_host",
        "request_id": reply.headers["X-Request-Id"],
    }


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("*", "anything.example", 200),
        ("*.example.com", "a.example.com", 200),
        ("*.example.com", "a.b.example.com:443", 200),
        ("*.example.com", "example.com", 400),
        ("*.example.com", "evilexample.com", 400),
        ("[::1]", "[::1]:8000", 200),
        ("[::1]", "[::1]", 200),
    ],
)
def test_hosts_may_be_allowed_by_pattern(settings: ApiSettings, allowed: str, host: str, status: int) -> None:
    app = create_app(settings.model_copy(update={"allowed_hosts": (allowed,)}))

    reply = TestClient(app).get("/health/live/", headers={"Host": host})
    app.state.services.engine.dispose()

    assert reply.status_code == status


def test_a_preflight_of_an_allowed_origin_is_granted(client: TestClient) -> None:
    reply = client.options(ANALYZE, headers=PREFLIGHT)

    assert reply.status_code == 200
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"GET", "POST", "PATCH", "DELETE"} == set(reply.headers["Access-Control-Allow-Methods"].split(", "))
    assert "Idempotency-Key" in reply.headers["Access-Control-Allow-Headers"]
    assert uuid.UUID(reply.headers["X-Request-Id"])


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{ORIGIN}.evil.example", "http://app.example.com"])
def test_a_preflight_of_another_origin_is_refused(client: TestClient, origin: str) -> None:
    reply = client.options(ANALYZE, headers=PREFLIGHT | {"Origin": origin})

    assert reply.status_code == 400
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert uuid.UUID(reply.headers["X-Request-Id"])


def test_an_allowed_origin_may_read_answers_and_exposed_headers(client: TestClient, free_user: SignedIn) -> None:
    reply = client.get(LIST, headers=free_user.headers | {"Origin": ORIGIN})

    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert reply.headers["Access-Control-Expose-Headers"].split(", ") == [
        "Retry-After",
        "RateLimit",
        "RateLimit-Policy",
        "X-Request-Id",
        "Idempotency-Replayed",
    ]


def test_another_origin_may_not_read_answers(client: TestClient, free_user: SignedIn) -> None:
    reply = client.get(LIST, headers=free_user.headers | {"Origin": "https://evil.example"})

    assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", LIST, 401), ("GET", "/nothing", 404), ("GET", ANALYZE, 405)]
)
def test_an_allowed_origin_may_read_errors(client: TestClient, method: str, path: str, status: int) -> None:
    reply = client.request(method, path, headers={"Origin": ORIGIN})

    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (status, ORIGIN)


def test_a_bug_is_answered_in_the_common_error_form_without_details(
    client: TestClient,
    free_user: SignedIn,
    workflow: FakeWorkflow,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    workflow.on_start = break_down

    reply = client.post(ANALYZE, json={"post_urls": [POST_URL]}, headers=free_user.headers | {"Origin": ORIGIN})

    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (500, ORIGIN)
    assert reply.json() == {
        "error": "Something went wrong on our side. Try again. If it keeps failing, send us the request_id.",
        "code": "internal_error",
        "request_id": reply.headers["X-Request-Id"],
    }
    error, request = logged()
    assert (error["level"], error["message"], error["request_id"]) == (
        "ERROR",
        "unhandled error",
        reply.headers["X-Request-Id"],
    )
    assert error["trace"][0] == "RuntimeError"
    assert error["trace"][-1].endswith(" break_down")
    assert (request["status"], request["request_id"]) == (500, reply.headers["X-Request-Id"])


def test_a_request_is_one_log_line(
    client: TestClient, free_user: SignedIn, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    reply = client.get(f"{LIST}7d9f43c4-94b0-4d0e-a65e-f9f7f4d8c3de", headers=free_user.headers)

    (line,) = logged()
    assert line["duration_ms"] >= 0
    assert {key: line[key] for key in ("level", "service", "message", "request_id", "method", "route", "status")} == {
        "level": "INFO",
        "service": "api",
        "message": "request",
        "request_id": reply.headers["X-Request-Id"],
        "method": "GET",
        "route": "/api/analysis/requests/{request_id}/",
        "status": 404,
    }
