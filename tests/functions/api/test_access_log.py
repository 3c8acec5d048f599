"""The access log: the row of every request, and that it delays no answer."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_request
from tests.fakes.workflow import FakeWorkflow
from tests.functions.api.conftest import POST_URL, SignedIn, replace_services
from tests.functions.api.test_middleware import break_down
from whyviral.analytics.models import ApiAccessLog
from whyviral.core.database import build_engine

LIST = "/api/analysis/requests/"


def record_of(rows: Session, reply: Any) -> ApiAccessLog:
    rows.rollback()
    request_id = reply.headers["X-Request-Id"]
    return rows.scalars(select(ApiAccessLog).where(ApiAccessLog.request_id == request_id)).one()


def test_a_request_is_one_row_of_the_access_log(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    reply = client.get(f"{LIST}{uuid.uuid4()}", headers=free_user.headers | {"User-Agent": "Browser/1 \t"})

    record = record_of(rows, reply)
    assert (record.method, record.route, record.status) == ("GET", f"{LIST}{{request_id}}/", 404)
    assert (record.error_code, record.user_id) == ("analysis_request_not_found", free_user.user.id)
    assert (record.address, record.user_agent) == ("testclient", "Browser/1  ")
    assert record.response_time_ms >= 0


@pytest.mark.parametrize(
    ("method", "path", "headers", "route", "status", "code"),
    [
        ("GET", LIST, {}, LIST, 401, "not_authenticated"),
        ("GET", "/nothing", {}, None, 404, "not_found"),
        ("DELETE", LIST, {}, LIST, 405, "method_not_allowed"),
        ("GET", LIST, {"Host": "evil.example"}, None, 400, "unknown_host"),
        ("GET", "/api/accounts/plans/", {}, "/api/accounts/plans/", 200, None),
        ("GET", "/docs", {}, None, 200, None),
        ("OPTIONS", LIST, {}, LIST, 405, "method_not_allowed"),
    ],
)
def test_a_refused_request_is_recorded(
    client: TestClient,
    rows: Session,
    method: str,
    path: str,
    headers: dict[str, str],
    route: str | None,
    status: int,
    code: str | None,
) -> None:
    record = record_of(rows, client.request(method, path, headers=headers))

    assert (record.route, record.status, record.error_code, record.user_id) == (route, status, code, None)


def test_an_invalid_request_is_recorded_with_its_user(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    record = record_of(rows, client.get(f"{LIST}?page=0", headers=free_user.headers))

    assert (record.status, record.error_code, record.user_id) == (422, "invalid_request", free_user.user.id)


def test_a_request_that_hits_a_bug_is_recorded_as_internal_error(
    client: TestClient, free_user: SignedIn, rows: Session, workflow: FakeWorkflow
) -> None:
    workflow.on_start = break_down

    reply = client.post("/api/analysis/analyze/", json={"post_urls": [POST_URL]}, headers=free_user.headers)

    record = record_of(rows, reply)
    assert (record.status, record.error_code, record.user_id) == (500, "internal_error", free_user.user.id)


def test_recorded_values_from_the_client_are_bounded(client: TestClient, rows: Session) -> None:
    headers = {"User-Agent": "x" * 10_000, "X-Forwarded-For": "203.0.113.9"}

    record = record_of(rows, client.request("B" * 300, LIST, headers=headers))

    assert (record.method, record.user_agent, record.address) == ("B" * 20, "x" * 300, "testclient")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/health/live/", {}),
        ("OPTIONS", LIST, {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}),
    ],
)
def test_liveness_probes_and_preflights_are_not_recorded(
    client: TestClient, rows: Session, method: str, path: str, headers: dict[str, str]
) -> None:
    reply = client.request(method, path, headers=headers)

    request_id = reply.headers["X-Request-Id"]
    assert rows.scalars(select(ApiAccessLog).where(ApiAccessLog.request_id == request_id)).all() == []


def test_access_log_rows_that_cannot_be_written_change_no_answer_and_are_counted(
    client: TestClient,
    app: FastAPI,
    api_database_url: str,
    rows: Session,
    logged: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    app.state.services.engine.dispose()
    working = build_engine(api_database_url)
    replace_services(app, engine=build_engine("postgresql://nobody@127.0.0.1:1/nothing"))

    statuses = [client.get(LIST).status_code for _ in range(3)]
    replace_services(app, engine=working)
    recorded = wait_for_a_record(client, rows)
    working.dispose()

    reports = [line for line in logged() if line["message"] == "access log rows dropped"]
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "AccessesDropped" in line]
    assert statuses == [401] * 3
    assert recorded.status == 401
    assert reports[0]["dropped"] == 1
    assert sum(line["dropped"] for line in reports) >= 3
    assert sum(sum(metric["AccessesDropped"]) for metric in metrics) == sum(line["dropped"] for line in reports)


def wait_for_a_record(client: TestClient, rows: Session) -> ApiAccessLog:
    """Send requests until one is recorded, because the log backs off for a second or two after failures."""
    for _ in range(600):
        request_id = client.get(LIST).headers["X-Request-Id"]
        rows.rollback()
        record = rows.scalar(select(ApiAccessLog).where(ApiAccessLog.request_id == request_id))
        if record is not None:
            return record
        time.sleep(0.1)
    raise AssertionError("nothing is recorded any more")


def test_an_access_log_row_does_not_wait_for_a_locked_table(
    client: TestClient, app: FastAPI, api_database_url: str, rows: Session
) -> None:
    app.state.services.engine.dispose()
    engine = build_engine(api_database_url, socket_timeout_s=0.3)
    replace_services(app, engine=engine)
    rows.execute(text("lock table api_access_logs in access exclusive mode"))

    statuses = [client.get(LIST).status_code for _ in range(2)]
    rows.rollback()
    engine.dispose()

    assert statuses == [401, 401]


@pytest.mark.parametrize("path", [f"{LIST}{{}}/", "/api/social/posts/analysis/{}/", "/api/admin/requests/{}/"])
def test_an_error_contains_the_analysis_request_id_of_its_address(
    client: TestClient, free_user: SignedIn, sign_in: Callable[..., SignedIn], rows: Session, path: str
) -> None:
    request = create_request(rows, sign_in().user)
    rows.commit()

    bodies = [client.get(path.format(request.id), headers=headers).json() for headers in ({}, free_user.headers)]

    assert [body["analysis_request_id"] for body in bodies] == [str(request.id)] * 2


def test_an_error_does_not_repeat_an_invalid_id(client: TestClient, free_user: SignedIn) -> None:
    body = client.get(f"{LIST}not-an-id/", headers=free_user.headers).json()

    assert body["code"] == "invalid_request"
    assert "analysis_request_id" not in body
