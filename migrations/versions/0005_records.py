"""A record of everything: accesses to the API, events, runs of jobs, and feedback; and how old logs go.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-25
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SQL = Path(__file__).with_suffix("")


def upgrade() -> None:
    for part in ("tables", "partitions", "security"):
        _run(part)


def downgrade() -> None:
    _run("down")


def _run(part: str) -> None:
    op.execute((_SQL / f"{part}.sql").read_text().rstrip().removesuffix(";"))
