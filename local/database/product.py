"""The product's database on an embedded server: made, migrated, and reachable as a deployed function would reach it."""

from sqlalchemy import text

from local.database.postgres import Postgres
from tools.migrate import migrate
from whyviral.core.database import build_engine

NAME = "whyviral"
_APP_ROLE = "whyviral_api"


def prepare(server: Postgres) -> str:
    """Bring the product's database up to date, making it if need be, and return the application's URL to it."""
    if not _exists(server.url, "select 1 from pg_database where datname = :name", NAME):
        create_database(server, NAME)
    migrate(server.url_of(NAME))
    add_app_role(server)
    return app_url(server, NAME)


def app_url(server: Postgres, database: str) -> str:
    """Return the URL of a database for the application's role: data only, no tables made or changed."""
    return server.url_of(database, role=_APP_ROLE)


def add_app_role(server: Postgres) -> None:
    """Make the login that stands for a deployed function, once a migration has made the role that it belongs to."""
    if not _exists(server.url, "select 1 from pg_roles where rolname = :name", _APP_ROLE):
        _execute(server.url, f"create role {_APP_ROLE} login in role whyviral_backend")


def create_database(server: Postgres, name: str, *, template: str = "template1") -> None:
    """Make a database, empty or as a copy of another one to which nobody is connected."""
    _execute(server.url, f'create database "{name}" template "{template}"')


def drop_database(server: Postgres, name: str) -> None:
    """Forget a database, whoever is still connected to it."""
    _execute(server.url, f'drop database "{name}" with (force)')


def _exists(url: str, query: str, name: str) -> bool:
    engine = build_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(query), {"name": name}).first() is not None
    finally:
        engine.dispose()


def _execute(url: str, statement: str) -> None:
    engine = build_engine(url).execution_options(isolation_level="AUTOCOMMIT")  # databases are not made in transactions
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
