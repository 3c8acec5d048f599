"""From the request id of an answer to everything that the call caused."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.fakes.workflow import FakeWorkflow
from tests.fakes.written_metrics import Value, metrics_in
from tests.functions.api.conftest import POST_URL, SignedIn
from tests.functions.api.test_middleware import break_down
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.core.telemetry import trace

type Logged = Callable[[], list[dict[str, Any]]]


def analyze(client: TestClient, user: SignedIn) -> Any:
    return client.post("/api/analysis/analyze/", json={"post_urls": [POST_URL]}, headers=user.headers)


def test_the_request_id_of_an_answer_is_the_trace_of_the_execution(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session, logged: Logged
) -> None:
    reply = analyze(client, free_user)

    request_id = reply.headers["X-Request-Id"]
    saved = rows.scalar(select(PostAnalysisRequest.trace_id).where(PostAnalysisRequest.user_id == free_user.user.id))
    assert reply.status_code == 202
    assert workflow.trace_ids == [request_id]
    assert saved == request_id
    assert {line["trace_id"] for line in logged()} == {request_id}
    assert trace.current() is None


def test_a_client_cannot_choose_the_trace(client: TestClient, free_user: SignedIn, workflow: FakeWorkflow) -> None:
    chosen = {"X-Request-Id": "mine", "X-Amzn-Trace-Id": "Root=1-00000000-000000000000000000000000"}
    client.post("/api/analysis/analyze/", json={"post_urls": [POST_URL]}, headers=free_user.headers | chosen)

    assert "mine" not in workflow.trace_ids[0]
    assert "1-00000000" not in workflow.trace_ids[0]


def test_a_bug_is_logged_with_the_trace_and_the_analysis_that_its_answer_names(
    client: TestClient, free_user: SignedIn, workflow: FakeWorkflow, rows: Session, logged: Logged
) -> None:
    (request,) = analyze(client, free_user).json()["requests"]
    row = rows.get_one(PostAnalysisRequest, request["id"])
    row.status, row.error_stage, row.error_category = "FAILED", "fetching_posts", "internal"
    rows.commit()
    workflow.on_start = break_down

    reply = client.post(f"/api/analysis/requests/{request['id']}/retry/", headers=free_user.headers)

    (bug,) = [line for line in logged() if line["message"] == "unhandled error"]
    assert reply.status_code == 500
    assert reply.json()["analysis_request_id"] == bug["analysis_request_id"] == request["id"]
    assert reply.json()["request_id"] == bug["trace_id"]


def test_each_request_is_counted_by_class_and_outcome(
    client: TestClient, free_user: SignedIn, capsys: pytest.CaptureFixture[str]
) -> None:
    client.get("/api/accounts/me/", headers=free_user.headers)
    client.get("/api/accounts/me/")
    client.get("/nowhere")

    counted = [value for value in metrics_in(capsys.readouterr().out) if value.name == "ApiRequests"]
    assert counted == [
        Value("ApiRequests", 1, (("RouteClass", route), ("Outcome", outcome)))
        for route, outcome in (("accounts", "ok"), ("accounts", "refused"), ("other", "refused"))
    ]


def test_a_refusal_by_the_plan_is_counted(
    client: TestClient, free_user: SignedIn, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = [f"https://x.com/jack/status/{number}" for number in range(20, 26)]
    client.post("/api/analysis/analyze/", json={"post_urls": urls}, headers=free_user.headers)

    assert Value("Refusals", 1, (("Reason", "max_urls_exceeded"),)) in metrics_in(capsys.readouterr().out)
