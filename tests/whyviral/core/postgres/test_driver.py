"""The driver sends one flush per statement, and a failed statement leaves nothing behind for the next one."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pg8000.exceptions import InterfaceError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from tests.factories import create_user
from tests.fixtures.postgres.counting_proxy import CountingProxy
from whyviral.core.database import allow_writes, build_engine, reading_session, session_scope, single_statement
from whyviral.core.postgres.driver import Connection


@pytest.fixture
def proxy(engine: Engine) -> Iterator[CountingProxy]:
    with CountingProxy(str(engine.url.host), int(engine.url.port or 0)) as proxy:
        yield proxy


@pytest.fixture
def counted(engine: Engine, proxy: CountingProxy) -> Iterator[Engine]:
    """An engine with one open connection, whose round trips are counted."""
    url = engine.url.set(drivername="postgresql", host="127.0.0.1", port=proxy.port)
    counted = build_engine(url.render_as_string(hide_password=False))
    with session_scope(counted) as session:
        session.execute(text("select 1"))
    proxy.take()
    yield counted
    counted.dispose()


def test_a_transaction_takes_one_round_trip_per_statement_and_one_for_its_commit(
    counted: Engine, proxy: CountingProxy
) -> None:
    with session_scope(counted) as session:
        for number in range(5):
            session.execute(text("select cast(:number as int)"), {"number": number})

    assert proxy.take() == 6


def test_a_single_statement_takes_one_round_trip(counted: Engine, proxy: CountingProxy) -> None:
    with single_statement(counted, used_since_mono_s=0.0) as connection:
        connection.execute(text("select cast(:number as int)"), {"number": 1})

    assert proxy.take() == 1


def test_a_transaction_without_a_statement_takes_no_round_trip(counted: Engine, proxy: CountingProxy) -> None:
    with session_scope(counted) as session, session.begin_nested():
        session.connection()

    assert proxy.take() == 0


def test_a_savepoint_takes_no_round_trip_until_it_is_rolled_back(counted: Engine, proxy: CountingProxy) -> None:
    with session_scope(counted) as session:
        with session.begin_nested():
            session.execute(text("select 1"))
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text("select cast(:word as int)"), {"word": "no number"})
        assert session.scalar(text("select 2")) == 2

    # Two statements, one that fails, ROLLBACK TO SAVEPOINT, and the commit.
    assert proxy.take() == 5


def test_rolling_back_a_savepoint_keeps_the_work_before_it(session: Session) -> None:
    create_user(session, clerk_user_id="user_before")
    savepoint = session.begin_nested()
    create_user(session, clerk_user_id="user_within")
    with pytest.raises(IntegrityError):
        create_user(session, clerk_user_id="user_before")
    savepoint.rollback()

    names = session.scalars(text("select clerk_user_id from users where clerk_user_id like 'user\\_%n'")).all()
    before = session.scalars(text("select 1 from users where clerk_user_id = 'user_before'")).all()
    assert (names, before) == ([], [1])


def test_statements_have_a_time_limit_except_in_migrations(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    limits = []
    for socket_timeout_s in (10, None):
        other = build_engine(url, socket_timeout_s=socket_timeout_s)
        with session_scope(other) as session:
            limits.append(session.scalar(text("show statement_timeout")))
        other.dispose()

    assert limits == ["8s", "0"]


def test_an_unreadable_answer_does_not_reach_the_next_statement(engine: Engine) -> None:
    def fail(_text: str) -> Any:
        raise ArithmeticError

    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    other = build_engine(url)
    with other.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, Connection)
        driver.register_in_adapter(23, fail)
        with pytest.raises(ArithmeticError):
            connection.execute(text("select generate_series(1, 1000)"))
    with session_scope(other) as session:
        assert session.scalar(text("select 'next'")) == "next"
    other.dispose()


def test_a_broken_transaction_does_not_continue_on_a_new_connection(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    other = build_engine(url)
    with other.connect() as connection:
        connection.execute(text("select 1"))
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, Connection)
        driver._abandon()
        with pytest.raises(DBAPIError):
            connection.execute(text("select 2"))
        with pytest.raises(InterfaceError):
            driver.commit()
    other.dispose()


def test_copy_still_works(engine: Engine) -> None:
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, Connection)
        cursor = driver.cursor()
        cursor.execute("create temporary table numbers (number int) on commit drop")
        cursor.execute("copy numbers from stdin", stream=io.BytesIO(b"1\n2\n3\n"))
        out = io.BytesIO()
        cursor.execute("copy numbers to stdout", stream=out)
        driver.rollback()

    assert out.getvalue() == b"1\n2\n3\n"


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("timestamptz '2026-11-28 15:48:27.5+00'", datetime(2026, 11, 28, 15, 48, 27, 500_000, tzinfo=UTC)),
        ("timestamptz '2026-11-28 15:48:27+02'", datetime(2026, 11, 28, 13, 48, 27, tzinfo=UTC)),
        ("timestamptz 'infinity'", "infinity"),
        ("date '2026-11-28'", date(2026, 11, 28)),
        (
            "array['a', 'b c', 'd,e', 'f\"g', 'h\\i', '', 'NULL', null]",
            ["a", "b c", "d,e", 'f"g', "h\\i", "", "NULL", None],
        ),
        ("array[]::text[]", []),
        ("array[array['a', 'b'], array['c', 'd']]", [["a", "b"], ["c", "d"]]),
        ("array[1, null, 3]", [1, None, 3]),
        ("array[timestamptz '2026-01-02 03:04:05+00']", [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)]),
        ("'{\"a\": [1, null]}'::jsonb", {"a": [1, None]}),
        ("1.50::numeric", Decimal("1.50")),
        ("'6f1ed002-ab5b-4b4a-9a5a-1d6d0d6a0001'::uuid", UUID("6f1ed002-ab5b-4b4a-9a5a-1d6d0d6a0001")),
        ("null::text", None),
        ("'100 % ü \U0001f600'", "100 % ü \U0001f600"),
    ],
)
def test_values_are_parsed_to_their_python_types(session: Session, sql: str, value: object) -> None:
    escaped = sql.replace(":", "\\:")

    assert session.scalar(text(f"select {escaped}")) == value


@pytest.mark.parametrize("offset_h", [-5, 0, 2])
def test_a_timestamp_keeps_its_instant_and_its_utc_offset(session: Session, offset_h: int) -> None:
    session.execute(text("select set_config('timezone', :zone, true)"), {"zone": f"Etc/GMT{-offset_h:+d}"})
    at = datetime(2026, 11, 28, 12, 0, 0, 123_456, tzinfo=UTC)

    read = session.scalar(text("select cast(:at as timestamptz)"), {"at": at})

    assert (read, read.tzinfo) == (at, timezone(timedelta(hours=offset_h)))


def test_a_value_of_a_megabyte_survives_a_round_trip(session: Session) -> None:
    value = "ü" * 500_000

    assert session.scalar(text("select cast(:value as text)"), {"value": value}) == value


def test_a_reading_session_is_refused_a_write_until_writes_are_allowed(engine: Engine) -> None:
    with reading_session(engine) as session:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            session.execute(text("update plans set name = name"))
        session.rollback()

        allow_writes(session)
        session.execute(text("update plans set name = name"))
        session.rollback()


def test_each_statement_of_a_reading_session_takes_one_round_trip_and_leaves_no_transaction_open(
    counted: Engine, proxy: CountingProxy, engine: Engine
) -> None:
    with reading_session(counted) as session:
        server = session.scalar(text("select pg_backend_pid() where :yes"), {"yes": True})
        read_only = session.scalar(text("show transaction_read_only"))
        limit = session.scalar(text("show statement_timeout"))
        round_trips = proxy.take()
        with engine.connect() as other:
            state = other.scalar(text("select state from pg_stat_activity where pid = :pid"), {"pid": server})
        session.commit()

    assert (read_only, limit, state) == ("on", "8s", "idle")
    assert (round_trips, proxy.take()) == (3, 0)


def test_a_failed_statement_of_a_reading_session_is_rolled_back(counted: Engine) -> None:
    with reading_session(counted) as session:
        with pytest.raises(DBAPIError):
            session.scalar(text("select cast(:word as int)"), {"word": "no number"})
        session.rollback()

        assert session.scalar(text("select cast(:number as int)"), {"number": 1}) == 1


def test_a_savepoint_of_a_reading_session_keeps_its_transaction_until_the_commit(counted: Engine) -> None:
    with reading_session(counted) as session:
        with session.begin_nested():
            first = session.scalar(text("select pg_current_snapshot() is not null where :yes"), {"yes": True})
        session.commit()
        second = session.scalar(text("select 2"))

    assert (first, second) == (True, 2)


def test_a_session_after_a_reading_session_on_its_connection_can_write(engine: Engine) -> None:
    single = build_engine(engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    with reading_session(single) as session:
        session.execute(text("select 1"))
        session.commit()
    with session_scope(single) as session:
        read_only = session.scalar(text("show transaction_read_only"))
    single.dispose()

    assert read_only == "off"
