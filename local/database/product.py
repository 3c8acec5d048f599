"""The product's database on an embedded server: created, migrated, and opened to a role like a deployed function's."""

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from local.database.postgres import Postgres
from tools.migrate import alembic_config, migrate
from whyviral.core.database import build_engine

NAME = "whyviral"
_APP_ROLE = "whyviral_api"


class UnknownRevision(RuntimeError):
    """A database has a schema revision that this checkout does not know and cannot upgrade."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"the schema has the unknown revision {revision}")
        self.revision = revision


def prepare(server: Postgres) -> str:
    """Create the product's database if it is missing, upgrade it, and return the application's URL to it.

    Raises:
        UnknownRevision: the database was migrated by another version of this program.
    """
    if not _exists(server.url, "select 1 from pg_database where datname = :name", NAME):
        create_database(server, NAME)
    check_revision(server.url_of(NAME))
    migrate(server.url_of(NAME))
    add_app_role(server)
    return app_url(server, NAME)


def app_url(server: Postgres, database: str) -> str:
    """Return the URL of a database for the application's role, which may change rows but no tables."""
    return server.url_of(database, role=_APP_ROLE)


def check_revision(database_url: str) -> None:
    """Check that a database is empty or at a revision of this checkout.

    Raises:
        UnknownRevision: it is at another revision.
    """
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    engine = build_engine(database_url)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_heads()
    finally:
        engine.dispose()
    for revision in current:
        if revision not in known:
            raise UnknownRevision(revision)


def add_app_role(server: Postgres) -> None:
    """Create the login role of the application; a migration must have created its group role before."""
    if not _exists(server.url, "select 1 from pg_roles where rolname = :name", _APP_ROLE):
        _execute(server.url, f"create role {_APP_ROLE} login in role whyviral_backend")
    _execute(server.url, f"alter role {_APP_ROLE} password '{server.password_of(_APP_ROLE)}'")


def create_database(server: Postgres, name: str, *, template: str = "template1") -> None:
    """Create a database, empty or as a copy of a database that has no connections."""
    _execute(server.url, f'create database "{name}" template "{template}"')


def drop_database(server: Postgres, name: str) -> None:
    """Delete a database, terminating its connections."""
    _execute(server.url, f'drop database "{name}" with (force)')


def _exists(url: str, query: str, name: str) -> bool:
    engine = build_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(query), {"name": name}).first() is not None
    finally:
        engine.dispose()


def _execute(url: str, statement: str) -> None:
    engine = build_engine(url).execution_options(
        isolation_level="AUTOCOMMIT"
    )  # no database is created in a transaction
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
