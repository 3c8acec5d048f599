"""The schema of the first deployment: every table, its security, and the setup of Supabase's Realtime and Storage.

Revision ID: 0001_initial
Revises:
Create Date: 2026-11-28
"""

from pathlib import Path

from alembic import op

# Not "0001": a development database with that revision, from the earlier history, must not count as up to date.
revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    for part in ("tables", "partitions", "security", "realtime", "storage", "seeds"):
        _run(part)


def downgrade() -> None:
    _run("down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
