"""The product's database on an embedded server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from local.database import product
from local.database.postgres import Postgres
from local.stack import system as local_stack
from local.stack.errors import StackError
from local.stack.system import running
from tests.fixtures.database import run_script
from whyviral.core.database import build_engine

# Alembic's table at the last revision of the history that was replaced.
OLD_REVISION = """
    create table alembic_version (version_num varchar(32) not null primary key);
    insert into alembic_version values ('0006');
"""


@pytest.fixture
def server(postgres: Postgres) -> Iterator[Postgres]:
    """A server without the product's database, which is dropped afterwards."""
    yield postgres
    product.drop_database(postgres, product.NAME)


@pytest.fixture
def old_data(tmp_path: Path) -> Path:
    """A data folder of `make run` with a database of the earlier history."""
    with Postgres(tmp_path / "postgres") as server:
        product.create_database(server, product.NAME)
        run_script(server.url_of(product.NAME), OLD_REVISION)
    return tmp_path


def test_a_database_is_created_and_then_found_again(server: Postgres) -> None:
    urls = {product.prepare(server) for _ in range(2)}

    (url,) = urls
    engine = build_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from platforms")) == 3
    engine.dispose()


def test_a_schema_with_an_unknown_revision_is_not_changed(server: Postgres) -> None:
    product.create_database(server, product.NAME)
    run_script(server.url_of(product.NAME), OLD_REVISION)

    with pytest.raises(product.UnknownRevision, match="0006"):
        product.prepare(server)


def test_the_error_for_an_old_data_folder_says_how_to_start_again(
    old_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_stack, "DATA", old_data)  # tests must not use the checkout's own folder

    with (
        pytest.raises(StackError, match=r"revision 0006.* run `make reset`"),
        running(old_data, port=None, user_settings={}),
    ):
        pass


def test_for_an_old_folder_elsewhere_the_error_does_not_suggest_make_reset(old_data: Path) -> None:
    with pytest.raises(StackError, match="delete that folder"), running(old_data, port=None, user_settings={}):
        pass
