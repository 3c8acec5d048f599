"""Values that must never be logged."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from local.stack.configuration import CLERK_STAND_IN_SECRET_KEY
from tests.factories import create_user
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import POST_URL, SignedIn
from tests.functions.api.test_middleware import break_down

EMAIL = "private.person@example.com"
PASTED = "https://example.com/pasted?by=the-user"


def insert_twice(rows: Session) -> None:
    """Fail with a bug that the database refuses with a message that quotes the row."""
    try:
        for _ in range(2):
            create_user(rows, clerk_user_id=EMAIL, email=EMAIL)
    finally:
        rows.rollback()


def test_logs_contain_no_token_key_address_or_submitted_text(
    client: TestClient,
    stand_ins: StandInsClient,
    rows: Session,
    workflow: FakeWorkflow,
    logged: Callable[[], list[dict[str, Any]]],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    token = stand_ins.token(EMAIL)["token"]
    forged = stand_ins.token(EMAIL, key="other", overrides={"email": EMAIL})["token"]

    def analyze(bearer: str, url: str) -> int:
        headers = {"Authorization": f"Bearer {bearer}"}
        return client.post("/api/analysis/analyze/", json={"post_urls": [url]}, headers=headers).status_code

    statuses = [analyze(forged, PASTED), analyze(token, PASTED)]
    for bug in (break_down, lambda _: insert_twice(rows)):
        workflow.on_start = bug
        statuses.append(analyze(token, POST_URL))

    assert statuses == [401, 422, 500, 500]
    written = json.dumps(logged()) + caplog.text + "".join(str(vars(record)) for record in caplog.records)
    written += "".join(capfd.readouterr())
    assert "unhandled error" in written
    for secret in (token, forged, EMAIL, "ada@example.com", CLERK_STAND_IN_SECRET_KEY, PASTED):
        assert secret not in written


def test_a_statement_that_the_database_refuses_is_logged_by_its_code(
    client: TestClient,
    free_user: SignedIn,
    rows: Session,
    workflow: FakeWorkflow,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    workflow.on_start = lambda _: insert_twice(rows)

    client.post("/api/analysis/analyze/", json={"post_urls": [POST_URL]}, headers=free_user.headers)

    assert logged()[0]["trace"][0] == "IntegrityError 23505"
