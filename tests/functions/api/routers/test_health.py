"""The health routes; test_database_down.py has what they say without a database."""

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
def test_everything_works_and_nobody_needs_a_token_to_know(
    client: TestClient, path: str, checks: dict[str, str]
) -> None:
    reply = client.get(path)

    assert (reply.status_code, reply.json()) == (200, {"status": "ok", "checks": checks})


@pytest.mark.parametrize("path", ["/health/live", "/health/ready/", "/health"])
def test_a_head_request_is_answered_without_a_body(client: TestClient, path: str) -> None:
    reply = client.head(path)

    assert (reply.status_code, reply.content) == (200, b"")


def test_a_head_request_tells_that_the_state_machine_is_down(client: TestClient, workflow: FakeWorkflow) -> None:
    workflow.is_down = True

    assert (client.head("/health/").status_code, client.head("/health/ready/").status_code) == (503, 200)


def test_alive_needs_no_database(client: TestClient) -> None:
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
def test_without_the_state_machine_we_are_ready_but_not_whole(
    client: TestClient, workflow: FakeWorkflow, path: str, expected: tuple[int, dict[str, Any]]
) -> None:
    workflow.is_down = True

    reply = client.get(path)

    assert (reply.status_code, reply.json()) == expected
