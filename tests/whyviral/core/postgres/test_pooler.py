"""Many clients share a transaction pooler that has fewer server connections than clients."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from tests.fixtures.database import Database, run_script
from tests.fixtures.postgres.pgbouncer import StartPooler
from whyviral.core.database import build_engine, session_scope, single_statement

_CLIENTS = 20
_ROUNDS = 100
"""Each round is five statements, so 10,000 statements in total."""
_INSERT = text("insert into marks (client, number) values (:client, :number)")
_COUNT = text("select count(*) from marks where client = :client and number = :number")
_UPDATE = text("update marks set is_seen = true where client = :client and number = :number")


@pytest.fixture
def database(fresh_database: Callable[[], Database]) -> Database:
    database = fresh_database()
    table = "create table marks (client int, number int, is_seen bool default false)"
    run_script(database.owner_url, f"{table}; grant select, insert, update on marks to whyviral_backend")
    return database


@pytest.fixture
def clients(database: Database, start_pooler: StartPooler) -> Iterator[list[Engine]]:
    """Engines that stand for as many processes, each with one connection to the pooler."""
    url = start_pooler(database.url)
    clients = [build_engine(url) for _ in range(_CLIENTS)]
    yield clients
    for client in clients:
        client.dispose()


def work(engine: Engine, client: int) -> Counter[str]:
    """Run single statements and transactions in turn, and count the results."""
    answers: Counter[str] = Counter()
    for number in range(_ROUNDS):
        values = {"client": client, "number": number}
        with single_statement(engine) as connection:
            answers["inserted"] += connection.execute(_INSERT, values).rowcount
        with session_scope(engine) as session:
            answers["found"] += session.execute(_COUNT, values).scalar_one()
            answers["updated"] += session.connection().execute(_UPDATE, values).rowcount
            answers["one"] += session.execute(text("select 1")).scalar_one()
        with single_statement(engine) as connection:
            answers["found"] += connection.execute(_COUNT, values).scalar_one()
    return answers


def test_three_servers_complete_ten_thousand_statements_of_twenty_clients(
    database: Database, clients: list[Engine]
) -> None:
    with ThreadPoolExecutor(_CLIENTS) as threads:
        answers = sum(threads.map(work, clients, range(_CLIENTS)), Counter[str]())

    rows = _CLIENTS * _ROUNDS
    assert answers == {"inserted": rows, "found": 2 * rows, "updated": rows, "one": rows}
    with session_scope(database.engine) as session:
        seen = session.execute(text("select count(*), count(*) filter (where is_seen) from marks")).one()
    assert tuple(seen) == (rows, rows)
