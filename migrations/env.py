"""Alembic's environment: the connection to the database, and the models with which it is compared.

Migrations use a direct connection or the session pooler (`SUPABASE_DIRECT_DB_URL`), or else `SUPABASE_DB_URL`. A
program passes `config.attributes["database_url"]` instead. With `--sql` no connection is made.
"""

import os
from importlib import import_module
from pathlib import Path

from alembic import context
from alembic.util import CommandError
from sqlalchemy import text

import whyviral
import whyviral.core.database
import whyviral.core.postgres.url

_PRODUCT = Path(whyviral.__file__).parent
for _models in sorted(_PRODUCT.rglob("models.py")):  # a table is known once its module is imported
    import_module(".".join(("whyviral", *_models.relative_to(_PRODUCT).with_suffix("").parts)))

# Statements queue behind a migration that waits for a lock, so it gives up after this time and must be run again.
_LOCK_TIMEOUT = "5s"


def _database_url() -> str:
    if given := context.config.attributes.get("database_url"):
        return str(given)
    for setting in ("SUPABASE_DIRECT_DB_URL", "SUPABASE_DB_URL"):
        if url := os.environ.get(setting):
            try:
                whyviral.core.postgres.url.check_database_url(url)
            except ValueError as exc:
                raise CommandError(f"{setting}: {exc}") from None
            return url
    raise CommandError("set SUPABASE_DIRECT_DB_URL to the URL of the database to migrate")


def _render() -> None:
    context.configure(
        dialect_name="postgresql",
        target_metadata=whyviral.core.database.Base.metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


def _migrate() -> None:
    engine = whyviral.core.database.build_engine(_database_url(), socket_timeout_s=None)
    try:
        with engine.connect() as connection:
            context.configure(
                connection=connection,
                target_metadata=whyviral.core.database.Base.metadata,
                compare_server_default=True,
            )
            with context.begin_transaction():
                connection.execute(text(f"select set_config('lock_timeout', '{_LOCK_TIMEOUT}', true)"))
                context.run_migrations()
    finally:
        engine.dispose()


if context.is_offline_mode():
    _render()
else:
    _migrate()
