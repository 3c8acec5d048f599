"""The history of the schema: upgrade, downgrade and agreement with the models."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from local.database import product
from local.database.postgres import Postgres
from tests.fixtures.database import dump_schema, run_script
from tools.migrate import alembic_config, migrate
from whyviral.core.database import Base, build_engine

SHAPE = {
    "columns": """
        select table_name, column_name, data_type, numeric_precision, numeric_scale, is_nullable, column_default
        from information_schema.columns where table_schema = 'public' and table_name <> 'alembic_version'
    """,
    # Postgres 18 also lists NOT NULL here, which is already part of the columns.
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace and contype <> 'n' and conrelid::regclass::text <> 'alembic_version'
    """,
    "indexes": """
        select tablename, indexname, indexdef from pg_indexes
        where schemaname = 'public' and tablename <> 'alembic_version'
    """,
}


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database."""
    product.create_database(postgres, "empty")
    yield postgres.url_of("empty")
    product.drop_database(postgres, "empty")


def shape(url: str) -> dict[str, set[tuple[object, ...]]]:
    engine = build_engine(url)
    try:
        with engine.connect() as connection:
            return {part: {tuple(row) for row in connection.execute(text(query))} for part, query in SHAPE.items()}
    finally:
        engine.dispose()


def render_sql(direction: str, revisions: str) -> str:
    config = alembic_config()
    config.output_buffer = io.StringIO()
    getattr(command, direction)(config, revisions, sql=True)
    return config.output_buffer.getvalue()


def test_a_downgrade_leaves_nothing_and_a_second_upgrade_gives_the_same_schema(empty: str) -> None:
    config = alembic_config(empty)
    command.ensure_version(config)
    before = dump_schema(empty)

    command.upgrade(config, "head")
    first = dump_schema(empty)
    command.downgrade(config, "base")
    after = dump_schema(empty)
    command.upgrade(config, "head")
    second = dump_schema(empty)

    assert after == before
    assert second == first != before


def test_the_rendered_sql_gives_the_same_schema_as_the_migration(empty: str, postgres: Postgres, template: str) -> None:
    run_script(empty, render_sql("upgrade", "head"))

    assert dump_schema(empty) == dump_schema(postgres.url_of(template))

    run_script(empty, render_sql("downgrade", "head:base"))

    assert shape(empty) == {"columns": set(), "constraints": set(), "indexes": set()}


def test_the_migrated_tables_match_the_models_to_the_last_constraint(
    empty: str, postgres: Postgres, template: str
) -> None:
    engine = build_engine(empty)
    Base.metadata.create_all(engine)
    engine.dispose()

    assert shape(postgres.url_of(template)) == shape(empty)


def test_alembic_finds_no_drift(postgres: Postgres, template: str) -> None:
    with redirect_stdout(io.StringIO()):
        command.check(alembic_config(postgres.url_of(template)))


def test_there_is_one_history() -> None:
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


def test_the_error_without_a_database_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPABASE_DIRECT_DB_URL", raising=False)
    monkeypatch.delenv("SUPABASE_DB_URL", raising=False)

    with pytest.raises(CommandError, match="SUPABASE_DIRECT_DB_URL"):
        migrate()


def test_the_direct_connection_is_preferred_to_the_pooler(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("SUPABASE_DIRECT_DB_URL", empty)

    migrate()

    assert shape(empty)["columns"]
