"""The security headers of every answer."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.fakes.workflow import FakeWorkflow
from tests.functions.api.conftest import SignedIn, replace_services
from tests.functions.api.test_middleware import PREFLIGHT, break_down
from whyviral.core.security_headers import SECURITY_HEADERS

ME = "/api/accounts/me/"
ANALYZE = "/api/analysis/analyze/"
LOGIN = "/api/accounts/login/"
JSON_POLICY = "default-src 'none'; frame-ancestors 'none'"
EXPECTED = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000",
    "referrer-policy": "no-referrer",
    "content-security-policy": JSON_POLICY,
}


def test_the_security_headers_are_the_expected_ones() -> None:
    assert {name.lower(): value for name, value in SECURITY_HEADERS.items()} == EXPECTED


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/health/live/", {}, 200),
        ("GET", "/openapi.json", {}, 200),
        ("GET", "/docs/swagger-ui.css", {}, 200),
        ("GET", "/api/accounts/plans/", {}, 200),
        ("GET", ME, {}, 401),
        ("GET", "/nothing", {}, 404),
        ("GET", ANALYZE, {}, 405),
        ("POST", LOGIN, {}, 422),
        ("GET", ME, {"Host": "evil.example"}, 400),
        ("OPTIONS", ANALYZE, PREFLIGHT, 200),
        ("OPTIONS", ANALYZE, PREFLIGHT | {"Origin": "https://evil.example"}, 400),
    ],
)
def test_every_answer_has_the_security_headers(
    client: TestClient, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    reply = client.request(method, path, headers=headers)

    assert reply.status_code == status
    assert {name: reply.headers.get(name) for name in EXPECTED} == EXPECTED


def test_a_bug_and_a_too_large_body_have_the_security_headers(
    app: FastAPI, client: TestClient, free_user: SignedIn
) -> None:
    replace_services(app, workflow=FakeWorkflow(on_start=break_down))
    broken = client.post(ANALYZE, json={"post_urls": ["https://x.com/jack/status/20"]}, headers=free_user.headers)
    large = client.post(ANALYZE, content=b"x" * 1_100_000, headers=free_user.headers)

    assert (broken.status_code, large.status_code) == (500, 413)
    for reply in (broken, large):
        assert {name: reply.headers.get(name) for name in EXPECTED} == EXPECTED


def test_the_docs_page_has_its_own_csp_and_the_other_headers(client: TestClient) -> None:
    headers = client.get("/docs").headers

    assert headers["content-security-policy"] != JSON_POLICY
    assert {name: headers.get(name) for name in EXPECTED} == EXPECTED | {
        "content-security-policy": headers["content-security-policy"]
    }
