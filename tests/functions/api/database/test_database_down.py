"""Answers while the database is down, and recovery when it is back."""

import gc
import select
import socket
import struct
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.api.settings import ApiSettings
from local.database.postgres import Postgres
from tests.fakes.workflow import FakeWorkflow
from tests.fixtures.database import run_script
from tests.functions.api.conftest import POST_URL, SignedIn, replace_services
from whyviral.core.database import build_engine

LIST = "/api/analysis/requests/"
CLOSED_PORT_URL = "postgresql://nobody@127.0.0.1:1/nothing"
_SOCKET_TIMEOUT_S = 1.0


@pytest.fixture
def impatient(app: FastAPI, api_database_url: str) -> Iterator[Engine]:
    """The engine of the application, with short timeouts."""
    engine = build_engine(api_database_url, socket_timeout_s=_SOCKET_TIMEOUT_S)
    app.state.services.engine.dispose()
    replace_services(app, engine=engine)
    yield engine
    engine.dispose()


def assert_unavailable(client: TestClient, user: SignedIn) -> None:
    reply = client.get(LIST, headers=user.headers)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "5")
    assert reply.json() == {
        "error": "The database cannot be reached. Try again in a moment.",
        "code": "database_unavailable",
        "request_id": reply.headers["X-Request-Id"],
    }


class TestNobodyListens:
    @pytest.fixture
    def settings(self, settings: ApiSettings) -> ApiSettings:
        return settings.model_copy(update={"supabase_db_url": SecretStr(CLOSED_PORT_URL)})

    def test_a_read_says_so(self, client: TestClient, free_user: SignedIn) -> None:
        assert_unavailable(client, free_user)

    def test_a_write_says_so_and_starts_nothing(
        self, client: TestClient, free_user: SignedIn, workflow: FakeWorkflow
    ) -> None:
        reply = client.post("/api/analysis/analyze/", json={"post_urls": [POST_URL]}, headers=free_user.headers)

        assert (reply.status_code, reply.json()["code"]) == (503, "database_unavailable")
        assert workflow.started == []

    def test_the_token_is_checked_all_the_same(self, client: TestClient) -> None:
        assert client.get(LIST).status_code == 401

    @pytest.mark.parametrize(
        ("path", "status", "body"),
        [
            ("/health/live/", 200, {"status": "ok", "checks": {}}),
            ("/health/ready/", 503, {"status": "unavailable", "checks": {"database": "unavailable"}}),
            (
                "/health/",
                503,
                {"status": "unavailable", "checks": {"database": "unavailable", "state_machine": "ok"}},
            ),
        ],
    )
    def test_health_says_which_part(self, client: TestClient, path: str, status: int, body: dict[str, object]) -> None:
        reply = client.get(path)

        assert (reply.status_code, reply.json()) == (status, body)


def test_a_database_that_does_not_answer_in_time_is_unavailable_until_it_answers(
    client: TestClient, free_user: SignedIn, rows: Session, impatient: Engine
) -> None:
    rows.execute(text("lock table users in access exclusive mode"))

    assert_unavailable(client, free_user)
    rows.rollback()

    assert client.get(LIST, headers=free_user.headers).json()["count"] == 0


@contextmanager
def server(greet: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server that accepts one connection. Yields its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=lambda: greet(listening.accept()[0]))
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def say_nothing(connection: socket.socket) -> None:
    with connection:
        while connection.recv(1024):
            pass


def hang_up(connection: socket.socket) -> None:
    connection.recv(1)
    reset(connection)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # pg8000 does not close the socket of a failed start
@pytest.mark.parametrize("greet", [say_nothing, hang_up])
def test_a_server_that_is_not_a_database_is_unavailable(
    client: TestClient, app: FastAPI, free_user: SignedIn, greet: Callable[[socket.socket], None]
) -> None:
    app.state.services.engine.dispose()
    with server(greet) as address:
        url = f"postgresql://nobody@{address}/nothing"
        replace_services(app, engine=build_engine(url, socket_timeout_s=_SOCKET_TIMEOUT_S))
        assert_unavailable(client, free_user)
        gc.collect()


def test_a_connection_cut_during_a_statement_counts_as_unavailable(
    client: TestClient,
    app: FastAPI,
    free_user: SignedIn,
    api_database_url: str,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    url = make_url(api_database_url)
    is_over = Event()

    def carry(connection: socket.socket) -> None:
        with socket.create_connection((str(url.host), int(url.port or 0))) as database:
            other_end = {connection: database, database: connection}
            while True:
                for source in select.select(other_end, [], [])[0]:
                    data = source.recv(65_536)
                    if is_over.is_set():
                        reset(connection)
                        return
                    other_end[source].sendall(data)

    app.state.services.engine.dispose()
    timeout_s = 2.0
    with server(carry) as address:
        cut_url = f"postgresql://{url.username}:{url.password}@{address}/{url.database}"
        engine = build_engine(cut_url, socket_timeout_s=timeout_s)
        replace_services(app, engine=engine)
        assert client.get(LIST, headers=free_user.headers).status_code == 200
        is_over.set()
        assert_unavailable(client, free_user)
    # The request has timed out waiting for the database, so its access log row does not try again.
    reasons = [line["reason"] for line in logged() if line["message"] == "access log rows dropped"]
    assert reasons == ["the database did not answer"]


# A broken connection with unsent data warns again when it is garbage-collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_connections_closed_by_the_server_are_replaced_without_an_error(
    client: TestClient, free_user: SignedIn, postgres: Postgres, rows: Session, api_engine: Engine
) -> None:
    rows.close()
    api_engine.dispose()
    client.get(LIST, headers=free_user.headers)

    run_script(postgres.url, "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = 'api'")

    assert client.get(LIST, headers=free_user.headers).status_code == 200
    gc.collect()


def test_waiting_for_a_connection_ends_after_a_time(
    client: TestClient, free_user: SignedIn, app: FastAPI, api_database_url: str
) -> None:
    url = build_engine(api_database_url).url
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    replace_services(app, engine=engine)
    with engine.connect():
        assert_unavailable(client, free_user)
        assert client.get("/health/ready/").status_code == 503
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "status"),
    [("select pg_sleep(60)", 503), ("select 1 / 0", 500), ("select no_such_column", 500)],
    ids=["over its time", "a division by zero", "a bug"],
)
def test_only_failures_outside_our_code_count_as_unavailable(
    client: TestClient,
    free_user: SignedIn,
    rows: Session,
    workflow: FakeWorkflow,
    statement: str,
    status: int,
) -> None:
    def ask(_: uuid.UUID) -> None:
        try:
            rows.execute(text("select set_config('statement_timeout', '300', true)"))
            rows.execute(text(statement))
        finally:
            rows.rollback()

    workflow.on_start = ask

    reply = client.post("/api/analysis/analyze/", json={"post_urls": [POST_URL]}, headers=free_user.headers)

    assert reply.status_code == status
