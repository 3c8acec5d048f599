"""The engine replaces a dead connection only when no work is lost, and leaves autocommit mode after a statement."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.fakes.written_metrics import Value, metrics_in
from whyviral.core.database import build_engine, session_scope, single_statement

_WHO_AM_I = text("select pg_backend_pid()")


@pytest.fixture
def pooled(engine: Engine) -> Iterator[Engine]:
    """An engine with a pool of one, on the shared database."""
    pooled = build_engine(engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    yield pooled
    pooled.dispose()


def use(pooled: Engine) -> int:
    """Return the process id of the server behind the pool's connection."""
    with session_scope(pooled) as session:
        return int(session.scalars(_WHO_AM_I).one())


def kill(engine: Engine, process: int) -> None:
    with engine.connect() as connection:
        connection.execute(text("select pg_terminate_backend(:process, 5000)"), {"process": process})


def test_a_connection_that_was_closed_while_idle_in_the_pool_is_replaced(engine: Engine, pooled: Engine) -> None:
    killed = use(pooled)
    kill(engine, killed)

    assert use(pooled) != killed


def test_a_connection_that_is_closed_within_a_transaction_is_not_replaced(
    engine: Engine, pooled: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session(pooled) as session:
        kill(engine, int(session.scalars(_WHO_AM_I).one()))
        with pytest.raises(DBAPIError) as caught:
            session.scalars(_WHO_AM_I)

    assert caught.value.connection_invalidated
    assert metrics_in(capsys.readouterr().out) == [Value("StatementsLost", 1, ())]
    assert use(pooled) > 0


def test_a_statement_that_exceeds_its_time_is_counted_and_one_that_is_refused_is_not(
    pooled: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session(pooled) as session:
        session.execute(text("set local statement_timeout = 1"))
        with pytest.raises(DBAPIError):
            session.execute(text("select pg_sleep(5)"))
        session.rollback()
        with pytest.raises(DBAPIError):
            session.execute(text("select 1 / 0"))

    assert metrics_in(capsys.readouterr().out) == [Value("StatementsLost", 1, ())]


def test_each_connection_that_fails_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    unreachable = build_engine("postgresql://user:password@127.0.0.1:1/none")
    for _ in range(2):
        with pytest.raises(DBAPIError), unreachable.connect():
            pass

    assert metrics_in(capsys.readouterr().out) == [Value("DatabaseUnreachable", 1, ())] * 2


def test_a_single_statement_is_sent_over_a_live_connection(engine: Engine, pooled: Engine) -> None:
    killed = use(pooled)
    kill(engine, killed)

    with single_statement(pooled, used_since_mono_s=time.monotonic()) as connection:
        assert connection.scalar(_WHO_AM_I) != killed


def test_a_single_statement_is_not_sent_twice(engine: Engine, pooled: Engine) -> None:
    started_mono_s = time.monotonic()
    kill(engine, use(pooled))

    with single_statement(pooled, used_since_mono_s=started_mono_s) as connection, pytest.raises(DBAPIError):
        connection.scalar(_WHO_AM_I)


def test_a_single_statement_commits_at_once_and_the_next_session_is_transactional(pooled: Engine) -> None:
    with single_statement(pooled) as connection:
        alone = [connection.scalar(text("select txid_current()")) for _ in range(2)]

    with session_scope(pooled) as session:
        together = [session.scalar(text("select txid_current()")) for _ in range(2)]

    assert alone[0] != alone[1]
    assert together[0] == together[1]
