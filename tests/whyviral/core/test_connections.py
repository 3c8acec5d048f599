"""When a connection is asked whether it lives, and what a statement without a transaction leaves behind."""

import gc
from collections.abc import Iterator
from contextvars import copy_context

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from whyviral.core.database import (
    build_engine,
    session_scope,
    single_statement,
    skip_pings_for_connections_used_since_now,
)

pytestmark = [  # pg8000 forgets the socket of a dead connection, and its buffer
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.Buffered:pytest.PytestUnraisableExceptionWarning"),
]
_WHO_AM_I = text("select pg_backend_pid()")


@pytest.fixture
def pooled(engine: Engine) -> Iterator[Engine]:
    """An engine with a pool of one, on the shared database."""
    pooled = build_engine(engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    yield pooled
    pooled.dispose()
    gc.collect()


def use(pooled: Engine) -> int:
    """Return the server's process behind the pool's connection."""
    with session_scope(pooled) as session:
        return int(session.scalars(_WHO_AM_I).one())


def kill(engine: Engine, process: int) -> None:
    with engine.connect() as connection:
        connection.execute(text("select pg_terminate_backend(:process, 5000)"), {"process": process})


def test_a_connection_that_died_in_the_pool_is_replaced(engine: Engine, pooled: Engine) -> None:
    died = use(pooled)
    kill(engine, died)

    assert use(pooled) != died


def test_one_that_was_used_since_is_taken_without_asking(engine: Engine, pooled: Engine) -> None:
    def use_again() -> None:
        skip_pings_for_connections_used_since_now()
        kill(engine, use(pooled))
        use(pooled)

    with pytest.raises((DBAPIError, ConnectionError)):
        copy_context().run(use_again)


def test_one_that_was_used_before_is_asked_all_the_same(engine: Engine, pooled: Engine) -> None:
    died = use(pooled)
    kill(engine, died)

    def use_again() -> int:
        skip_pings_for_connections_used_since_now()
        return use(pooled)

    assert copy_context().run(use_again) != died


def test_a_single_statement_is_done_when_it_has_run_and_the_next_transaction_is_one(pooled: Engine) -> None:
    with single_statement(pooled) as connection:
        alone = [connection.scalar(text("select txid_current()")) for _ in range(2)]

    with session_scope(pooled) as session:
        together = [session.scalar(text("select txid_current()")) for _ in range(2)]

    assert alone[0] != alone[1]
    assert together[0] == together[1]
