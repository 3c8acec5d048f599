"""`make migrate`: upgrades the database of SUPABASE_DIRECT_DB_URL, or else of SUPABASE_DB_URL."""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from dotenv import dotenv_values

_ROOT = Path(__file__).parents[1]
_NAMES = ("SUPABASE_DIRECT_DB_URL", "SUPABASE_DB_URL")


def migrate(database_url: str | None = None) -> None:
    """Upgrade a database, as its owner, to the newest revision; None for the database in the environment."""
    command.upgrade(alembic_config(database_url), "head")


def alembic_config(database_url: str | None = None) -> Config:
    """Return Alembic's configuration for a database; None for the database in the environment."""
    config = Config(_ROOT / "alembic.ini")
    config.attributes["database_url"] = database_url
    return config


def main() -> int:
    """Migrate the database in the environment or `.env`, and return the exit status."""
    settings = {**dotenv_values(_ROOT / ".env"), **os.environ}
    url = next((settings[name] for name in _NAMES if settings.get(name)), None)
    if url is None:
        print("whyviral: set SUPABASE_DIRECT_DB_URL to the URL of the database to migrate", file=sys.stderr)
        return 1
    migrate(url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
