"""Refused database connections: the log line and the answer, and recovery without a restart."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, make_url
from starlette.testclient import TestClient

from tests.fixtures.postgres.certificates import make_chain
from tests.fixtures.postgres.fake_pooler import fake_pooler, server_context, tls_in_front_of
from tests.fixtures.postgres.pgbouncer import StartPooler
from tests.functions.api.conftest import SignedIn, replace_services
from whyviral.core.database import build_engine, session_scope
from whyviral.core.postgres.connection_failures import Failure

LIST = "/api/analysis/requests/"

type Connect = Callable[..., None]


@pytest.fixture
def connect(app: FastAPI) -> Iterator[Connect]:
    """Return a function that gives the application another database URL."""
    with ExitStack() as engines:

        def connect(url: str) -> None:
            engine = build_engine(url)
            engines.callback(engine.dispose)
            app.state.services.engine.dispose()
            replace_services(app, engine=engine)

        yield connect


def url_at(url: str, port: int, *, host: str = "127.0.0.1", query: str = "", password: str | None = None) -> str:
    changed = make_url(url).set(port=port, host=host, password=password)
    return changed.render_as_string(hide_password=False) + query


def assert_unavailable(client: TestClient, user: SignedIn) -> None:
    reply = client.get(LIST, headers=user.headers)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "5")
    assert reply.json() == {
        "error": "The database cannot be reached. Try again in a moment.",
        "code": "database_unavailable",
        "request_id": reply.headers["X-Request-Id"],
    }


def reports(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str, str]]:
    lines = [record for record in caplog.records if record.name == "database"]
    return [(line.levelno, str(getattr(line, "reason", "")), str(getattr(line, "what_to_do", ""))) for line in lines]


@pytest.mark.parametrize(
    ("sqlstate", "message", "failure"),
    [
        ("XX000", "Tenant or user not found", Failure.UNKNOWN_PROJECT),
        ("28P01", 'password authentication failed for user "whyviral_api"', Failure.WRONG_PASSWORD),
        ("XX000", "Max client connections reached", Failure.POOLER_FULL),
        ("XX000", "MaxClientsInSessionMode: max clients reached", Failure.POOLER_FULL),
        ("53300", "sorry, too many clients already", Failure.POOLER_FULL),
        ("3D000", 'database "api" does not exist', Failure.UNKNOWN_DATABASE),
        ("57P03", "the database system is starting up", Failure.STARTING_OR_STOPPING),
    ],
)
def test_a_refused_connection_is_one_log_line_and_recovers_without_a_restart(
    client: TestClient,
    free_user: SignedIn,
    connect: Connect,
    api_database_url: str,
    caplog: pytest.LogCaptureFixture,
    sqlstate: str,
    message: str,
    failure: Failure,
) -> None:
    with fake_pooler(api_database_url) as pooler:
        connect(url_at(api_database_url, pooler.port))
        pooler.refusal = (sqlstate, message)
        assert_unavailable(client, free_user)
        assert_unavailable(client, free_user)
        pooler.refusal = None

        assert client.get(LIST, headers=free_user.headers).status_code == 200

    assert reports(caplog) == [(logging.ERROR, failure, failure.what_to_do), (logging.INFO, failure, "")]


@pytest.mark.parametrize("failure", [Failure.WRONG_HOST_NAME, Failure.WRONG_CERTIFICATE])
def test_a_wrong_certificate_is_one_log_line_and_recovers_without_a_restart(
    client: TestClient,
    free_user: SignedIn,
    connect: Connect,
    api_database_url: str,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    failure: Failure,
) -> None:
    is_host_wrong = failure is Failure.WRONG_HOST_NAME
    wrong = make_chain(tmp_path / "wrong", host="db.example.com" if is_host_wrong else "127.0.0.1")
    other = make_chain(tmp_path / "other", host="127.0.0.1")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes((wrong.root.read_bytes() if is_host_wrong else b"") + other.root.read_bytes())
    context = server_context(wrong.server)
    with tls_in_front_of(api_database_url, context) as port:
        connect(url_at(api_database_url, port, query=f"?sslrootcert={trusted}"))
        assert_unavailable(client, free_user)
        context.load_cert_chain(other.server)

        assert client.get(LIST, headers=free_user.headers).status_code == 200

    assert reports(caplog) == [(logging.ERROR, failure, failure.what_to_do), (logging.INFO, failure, "")]


def test_a_password_refused_by_a_real_pooler_is_named_in_the_log(
    client: TestClient,
    free_user: SignedIn,
    connect: Connect,
    api_database_url: str,
    start_pooler: StartPooler,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pooled = make_url(start_pooler(api_database_url, passwords={"whyviral_api": "new"}))
    connect(url_at(api_database_url, int(pooled.port or 0), password="old"))

    assert_unavailable(client, free_user)

    failure = Failure.WRONG_PASSWORD
    assert reports(caplog) == [(logging.ERROR, failure, failure.what_to_do)]


def test_a_full_pooler_is_named_in_the_log_until_a_client_leaves(
    client: TestClient,
    free_user: SignedIn,
    connect: Connect,
    api_database_url: str,
    start_pooler: StartPooler,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pooled = start_pooler(api_database_url, max_clients=1)
    other: Engine = build_engine(pooled)
    with session_scope(other) as session:
        session.connection()
        connect(pooled)
        assert_unavailable(client, free_user)
    other.dispose()

    assert client.get(LIST, headers=free_user.headers).status_code == 200
    failure = Failure.POOLER_FULL
    assert reports(caplog) == [(logging.ERROR, failure, failure.what_to_do), (logging.INFO, failure, "")]
