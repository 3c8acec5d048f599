"""The health routes with a database. test_database_down.py tests them without one."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.database import count_statements


@pytest.mark.parametrize(
    ("path", "checks"),
    [
        ("/health/live", {}),
        ("/health/ready", {"database": "ok"}),
        ("/health", {"database": "ok", "state_machine": "ok"}),
    ],
)
def test_health_is_ok_and_needs_no_token(client: TestClient, path: str, checks: dict[str, str]) -> None:
    reply = client.get(path)

    assert (reply.status_code, reply.json()) == (200, {"status": "ok", "checks": checks})


@pytest.mark.parametrize("path", ["/health/live", "/health/ready/", "/health"])
def test_a_head_request_for_health_is_answered_without_a_body(client: TestClient, path: str) -> None:
    reply = client.head(path)

    assert (reply.status_code, reply.content) == (200, b"")


def test_a_head_request_reports_that_the_state_machine_is_down(client: TestClient, workflow: FakeWorkflow) -> None:
    workflow.is_down = True

    assert (client.head("/health/").status_code, client.head("/health/ready/").status_code) == (503, 200)


def test_liveness_needs_no_database(client: TestClient) -> None:
    with count_statements() as statements:
        client.get("/health/live/")

    assert statements == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/health/ready/", (200, {"status": "ok", "checks": {"database": "ok"}})),
        ("/health/", (503, {"status": "unavailable", "checks": {"database": "ok", "state_machine": "unavailable"}})),
    ],
)
def test_without_the_state_machine_the_api_is_ready_but_not_healthy(
    client: TestClient, workflow: FakeWorkflow, path: str, expected: tuple[int, dict[str, Any]]
) -> None:
    workflow.is_down = True

    reply = client.get(path)

    assert (reply.status_code, reply.json()) == expected
