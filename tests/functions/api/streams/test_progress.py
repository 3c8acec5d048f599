"""The stream of a request's progress: refusals, replay, following over two processes, and the end."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, sse
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_post, create_request, create_status
from tests.fixtures.waits import WAIT_S, wait_until
from tests.functions.api.conftest import SignedIn, replace_services
from tests.functions.api.database.test_concurrency import serving
from tests.functions.api.streams.conftest import ReceivedEvent, StreamProcess, events_of
from whyviral.analysis.models import PostAnalysisRequest, RequestStatus, Stage
from whyviral.analytics.models import ApiAccessLog

LIST = "/api/analysis/requests/"


def path_of(request: PostAnalysisRequest) -> str:
    return f"{LIST}{request.id}/events/"


@pytest.fixture
def running_request(rows: Session, free_user: SignedIn) -> PostAnalysisRequest:
    """A running request of the user with two steps."""
    request = create_request(rows, free_user.user, [create_post(rows)], status=RequestStatus.PROCESSING)
    for message in ("Fetching 1 post", "1 of 1 posts fetched"):
        create_status(rows, request, message=message)
    rows.commit()
    return request


def end(rows: Session, request: PostAnalysisRequest) -> None:
    create_status(rows, request, stage=Stage.ANALYSIS_COMPLETE, progress=100, message="All posts are explained.")
    request.status = RequestStatus.COMPLETED
    rows.commit()


def read_events(response: Any) -> list[ReceivedEvent]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    return list(events_of(iter(response.text.split("\n"))))


def test_an_ended_request_is_replayed_and_the_stream_ends(
    client: TestClient, free_user: SignedIn, running_request: PostAnalysisRequest, rows: Session
) -> None:
    end(rows, running_request)

    events = read_events(client.get(path_of(running_request), headers=free_user.headers))

    detail = client.get(f"{LIST}{running_request.id}/", headers=free_user.headers).json()
    assert [(event.event, event.id) for event in events] == [
        ("status", "1"),
        ("status", "2"),
        ("status", "3"),
        ("end", None),
    ]
    assert [event.data for event in events[:3]] == detail["status_history"]
    assert events[3].data == {"status": "COMPLETED"}


@pytest.mark.parametrize(("last", "ids"), [("0", ["1", "2", "3"]), ("2", ["3"]), ("0003", [])])
def test_a_stream_continues_after_the_last_event_of_the_client(
    client: TestClient,
    free_user: SignedIn,
    running_request: PostAnalysisRequest,
    rows: Session,
    last: str,
    ids: list[str],
) -> None:
    end(rows, running_request)

    reply = client.get(path_of(running_request), headers=free_user.headers | {"Last-Event-ID": last})

    assert [event.id for event in read_events(reply)] == [*ids, None]


@pytest.mark.parametrize("last", ["", "abc", "-1", "1.0", "1 2", "0x1", "9" * 10, "\u0661", str(uuid.UUID(int=1))])
def test_a_last_event_id_that_is_not_one_is_refused_by_name(
    client: TestClient, free_user: SignedIn, running_request: PostAnalysisRequest, last: str
) -> None:
    headers = {**free_user.headers, "Last-Event-ID": last.encode()}

    reply = client.get(path_of(running_request), headers=headers)  # type: ignore[arg-type] # httpx accepts bytes

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert [problem["field"] for problem in reply.json()["details"]] == ["header.Last-Event-ID"]


def test_a_last_event_id_of_another_stream_is_refused(
    client: TestClient, free_user: SignedIn, running_request: PostAnalysisRequest
) -> None:
    reply = client.get(path_of(running_request), headers=free_user.headers | {"Last-Event-ID": "3"})

    assert (reply.status_code, reply.json()["code"]) == (422, "unknown_event_id")
    assert reply.json()["details"] == {"last_event_id": 3, "last": 2}


def test_another_users_stream_looks_nonexistent(
    client: TestClient, sign_in: Callable[..., SignedIn], running_request: PostAnalysisRequest
) -> None:
    reply = client.get(path_of(running_request), headers=sign_in().headers)

    assert (reply.status_code, reply.json()["code"]) == (404, "analysis_request_not_found")
    assert reply.headers["content-type"] == "application/json"


def test_a_stream_of_a_running_request_ends_after_its_maximum_duration(
    app: FastAPI, client: TestClient, free_user: SignedIn, running_request: PostAnalysisRequest
) -> None:
    slept: list[float] = []

    async def sleep(duration_s: float) -> None:
        slept.append(duration_s)

    replace_services(app, progress_stream_s=120.0, sleep=sleep, monotonic=lambda: float(len(slept)))
    reply = client.get(path_of(running_request), headers=free_user.headers)

    assert [event.id for event in read_events(reply)] == ["1", "2"]
    assert reply.text.startswith("retry: 1000\n\n")
    assert slept == [1.0] * 120


def test_a_stream_holds_no_connection_between_its_polls(
    app: FastAPI, client: TestClient, free_user: SignedIn, running_request: PostAnalysisRequest, rows: Session
) -> None:
    services = app.state.services
    held: list[tuple[int, bool]] = []

    async def sleep(_: float) -> None:
        held.append((services.engine.pool.checkedout(), services.connections.locked()))
        if len(held) == 2:
            end(rows, running_request)

    replace_services(app, progress_stream_s=120.0, sleep=sleep)
    events = read_events(client.get(path_of(running_request), headers=free_user.headers))

    assert (events[-1].event, held) == ("end", [(0, False)] * 2)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (lambda: ConnectionError("gone"), "database_unavailable"),
        (lambda: ZeroDivisionError("bug"), "internal_error"),
    ],
)
def test_a_failure_during_a_stream_is_an_event_in_the_form_of_an_error(
    app: FastAPI,
    client: TestClient,
    free_user: SignedIn,
    running_request: PostAnalysisRequest,
    logged: Callable[[], list[dict[str, Any]]],
    failure: Callable[[], Exception],
    code: str,
) -> None:
    async def fail(_: float) -> None:
        raise failure()

    replace_services(app, progress_stream_s=120.0, sleep=fail)
    reply = client.get(path_of(running_request), headers=free_user.headers)

    *steps, error = read_events(reply)
    assert [step.id for step in steps] == ["1", "2"]
    assert (error.event, error.data.keys()) == ("error", {"error", "code", "request_id"})
    assert (error.data["code"], error.data["request_id"]) == (code, reply.headers["X-Request-Id"])
    unhandled = [line for line in logged() if line["message"] == "unhandled error"]
    assert len(unhandled) == (code == "internal_error")
    assert "bug" not in json.dumps(unhandled)


def test_a_silent_stream_sends_heartbeats(
    app: FastAPI,
    free_user: SignedIn,
    running_request: PostAnalysisRequest,
    rows: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has_two = Event()

    async def be_silent(_: float) -> None:
        await asyncio.to_thread(has_two.wait, WAIT_S)
        end(rows, running_request)

    assert sse._PING_INTERVAL == 15.0
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)  # FastAPI has no setting for it
    replace_services(app, progress_stream_s=120.0, sleep=be_silent)
    heartbeats = 0
    with (
        serving(app) as base_url,
        httpx.stream(
            "GET", f"{base_url}{path_of(running_request)}", headers=free_user.headers, timeout=WAIT_S
        ) as reply,
    ):
        for line in reply.iter_lines():
            heartbeats += line == ": ping"
            if heartbeats == 2:
                has_two.set()

    assert heartbeats >= 2


def test_a_request_that_is_deleted_during_its_stream_ends_it_with_an_error(
    app: FastAPI, client: TestClient, free_user: SignedIn, running_request: PostAnalysisRequest, rows: Session
) -> None:
    async def delete(_: float) -> None:
        end(rows, running_request)
        headers = free_user.headers
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.example.com") as http:
            assert (await http.delete(f"{LIST}{running_request.id}/", headers=headers)).status_code == 204

    replace_services(app, progress_stream_s=120.0, sleep=delete)
    *_, error = read_events(client.get(path_of(running_request), headers=free_user.headers))

    assert (error.event, error.data["code"]) == ("error", "analysis_request_not_found")


def test_two_processes_deliver_every_step_as_soon_as_it_is_written(
    start_stream: Callable[..., StreamProcess],
    free_user: SignedIn,
    running_request: PostAnalysisRequest,
    rows: Session,
) -> None:
    with ThreadPoolExecutor(2) as pool:
        processes = list(pool.map(lambda _: start_stream(), range(2)))
    path, headers = path_of(running_request), free_user.headers

    # Each step is written only after the one before has arrived, so a stream that buffers would never continue.
    with processes[0].open(path, headers) as first, processes[1].open(path, headers) as second:
        streams = [_following(first), _following(second)]
        for seq in (1, 2):
            assert [next(stream).id for stream in streams] == [str(seq)] * 2
        for seq in (3, 4):
            create_status(rows, running_request, message=f"step {seq}")
            rows.commit()
            assert [next(stream).id for stream in streams] == [str(seq)] * 2
    # The client has left both streams, and continues one on the other process.
    with processes[1].open(path, headers | {"Last-Event-ID": "3"}) as resumed:
        stream = _following(resumed)
        assert next(stream).id == "4"
        end(rows, running_request)
        assert [(event.event, event.id) for event in stream] == [("status", "5"), ("end", None)]

    # A client that leaves is no failure.
    for process, streams_left in zip(processes, (1, 2), strict=True):
        wait_until(lambda: process.log.read_text().count("/events/") == streams_left)  # noqa: B023 - called at once
    assert "unhandled error" not in "".join(process.log.read_text() for process in processes)


def _following(response: httpx.Response) -> Iterator[ReceivedEvent]:
    assert response.status_code == 200, response.read()
    return events_of(response.iter_lines())


def test_an_application_behind_the_adapter_knows_its_host_and_the_client_of_api_gateway(
    start_stream: Callable[..., StreamProcess], free_user: SignedIn, running_request: PostAnalysisRequest, rows: Session
) -> None:
    end(rows, running_request)
    process = start_stream()

    with process.open(path_of(running_request), free_user.headers) as response:
        response.read()
        assert response.headers["X-Request-Id"] == "gateway-id"
    refused = httpx.get(f"{process.base_url}{path_of(running_request)}", headers={"Host": "other.example.com"})

    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_host")
    recorded = select(ApiAccessLog.address).where(
        ApiAccessLog.request_id == "gateway-id", ApiAccessLog.user_id == free_user.user.id
    )
    assert wait_until(lambda: rows.scalar(recorded)) == "203.0.113.7"
